"""One attempt at one task: from its record to a job, and from the job's events to patches.

What runs the job is behind ``Execute`` (``pipeline.engine``). The store's fencing (a claim) drops
late results.
"""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import reasons
from pipeline.child.supervise import JobResult, broken
from pipeline.engine.model import DETACHED, INTERRUPTED, LOST, SHUTDOWN, Execute
from pipeline.job.events import AlignmentEvent, Event, ProgressEvent, VariantEvent
from pipeline.job.model import Job, VariantOutcome
from pipeline.logs import at_stage
from pipeline.model import VARIANTS
from pipeline.running.automatic import PLACE_OPTIONS
from pipeline.running.measures import measures
from pipeline.settings import Settings
from pipeline.tasks.details import Details, unusual_options
from pipeline.tasks.extra_files import read_files
from pipeline.tasks.record import VariantRecord, read, value_of
from pipeline.tasks.values import mapping
from store import Fenced, NoSuchTask, NotSaved, make_task_folder

if TYPE_CHECKING:
    from files.place import Place
    from store import Adjustment, Claim, Store, Task

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 0.5
"""Time between two progress patches."""
SAVE_SECONDS = 1.0
"""Time between two attempts to give a task back on a disk that takes nothing."""


def now() -> str:
    """The present time as the task file writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass
class _Attempt:
    """The state of one attempt; lives in one thread."""

    store: Store
    task: Task
    settings: Settings
    stopping: Callable[[], bool]
    results: Path
    work: Path
    details: Details
    last_progress: float = 0.0
    lost: bool = False
    unsaved: dict[str, Any] = field(default_factory=dict)
    """Changes that could not be saved when they were made: the next ones take them along."""

    def patch(self, changes: Mapping[str, Any], *, durable: bool = True) -> None:
        """Writes changes under this attempt's owner; no failure to save them ends the attempt, and
        the store tries its end again."""
        if durable:
            self.unsaved |= changes
        try:
            self.store.update(
                self.task.id,
                self.unsaved if durable else changes,
                self.task.claim,
                durable=durable,
            )
        except (Fenced, NoSuchTask) as error:
            log.warning("[%s] the task is no longer ours: %s", self.task.id, error)
            self.lost = True
        except NotSaved as error:
            log.warning("[%s] not saved, tried again later: %s", self.task.id, error)
        else:
            if durable:
                self.unsaved = {}
                self.details.saved()

    def stop(self) -> str | None:
        """Why the child should end now, if it should."""
        if self.stopping():
            return SHUTDOWN
        if self.lost:
            return LOST
        record = self.store.get(self.task.id)
        if record is None or record.owner != self.task.owner:
            return LOST
        return reasons.CANCELLED if record.cancel_requested else None

    def report(self, event: Event) -> None:
        """Turns one event of the job into a patch."""
        if isinstance(event, ProgressEvent):
            at_stage(event.stage)
            if time.monotonic() - self.last_progress >= PROGRESS_SECONDS:
                self.last_progress = time.monotonic()
                self.patch(asdict(event), durable=False)
        elif isinstance(event, AlignmentEvent):
            self.patch(self.details.put(alignment=event.alignment))
        elif isinstance(event, VariantEvent):
            changes = self._publish(event.variant, event.outcome)
            self.patch(changes)
            if self.store.files.remote and not (self.lost or self.unsaved):
                remove_older(self.store, self.task, changes)

    def _publish(self, variant: str, outcome: VariantOutcome) -> dict[str, Any]:
        """Gives a whole result its final name, and makes the patch that says so."""
        plans = {**self.details.plans, variant: outcome.plan} if outcome.plan else None
        if outcome.output is None:
            log.warning("[%s] %s failed: %s", self.task.id, variant, outcome.text)
        elif self.stop() not in (None, SHUTDOWN):
            return {}  # a late result of a cancelled or lost attempt is dropped
        final = self.results / f"{self.task.id}_{variant}.mp4"
        again = is_taken_over(self.task)
        made = published(outcome, final, self.settings, self.store.files, again=again)
        return self.details.put(**made.keys(variant), **({"plans": plans} if plans else {}))


def is_taken_over(run: Task | Adjustment | None) -> bool:
    """Whether another process began the attempt under way."""
    return run is not None and run.first_owner is not None


def published(
    outcome: VariantOutcome, final: Path, settings: Settings, files: Place, *, again: bool
) -> VariantRecord:
    """Gives a whole result its final name; what the record says of it, or why there is none.

    ``again`` says that it may have got its name already, before a takeover. Raises OSError.
    """
    if outcome.output is None:
        return VariantRecord(status=outcome.status, reason=outcome.reason, notes=outcome.notes)
    final = files.adopt(Path(outcome.output), final, again=again)
    about = files.stat(final)
    if about is None:
        raise FileNotFoundError(final)
    return VariantRecord(
        status=outcome.status,
        output=final.relative_to(settings.outputs.parent).as_posix(),
        size=about.st_size,
        notes=outcome.notes,
    )


def job_of(store: Store, task: Task, work: Path, options: Mapping[str, Any]) -> Job:
    """The job of a task's record; raises ``FileNotFoundError`` when an upload is gone."""
    paths = {}
    for role in ("dance", "reference"):
        path = store.safe_path(value_of(task, f"{role}_file"))
        if path is None or not store.files.has(path):
            raise FileNotFoundError(role)
        paths[role] = path
    hint = options.get("hint")
    return Job(
        dance=paths["dance"],
        reference=paths["reference"],
        out=work,
        stem=task.id,
        scratch=work / "scratch",
        options={key: value for key, value in options.items() if key not in PLACE_OPTIONS},
        hint=(float(hint["offset"]), float(hint.get("speed", 1.0))) if hint else None,
        dance_track=options.get("dance_track"),
        reference_track=options.get("reference_track"),
        variants=VARIANTS,
        uploaded=True,
    )


def _finish(attempt: _Attempt, result: JobResult) -> None:
    """The last patch of an attempt."""
    task_id = attempt.task.id
    if result.outcome is not None:
        outcome = result.outcome
        done = any(one.status == "success" for one in outcome.variants.values())
        missing = VariantRecord(status="failed", reason=outcome.reason)
        absent = [missing.keys(name) for name in VARIANTS if name not in outcome.variants]
        changes = attempt.details.put(
            alignment=outcome.alignment,
            timings=outcome.seconds,
            warnings=list(outcome.warnings),
            **{key: value for keys in absent for key, value in keys.items()},
        )
        if done:
            options = unusual_options(mapping(value_of(attempt.task, "options")))
            changes |= {"status": "success", "reason": None, "options": options}
        else:
            reason = outcome.reason or reasons.RENDER_FAILED
            changes |= {"status": "failed", "reason": reason}
        _end(attempt, changes, outcome.seconds)
    else:
        reason = result.reason or reasons.CRASHED
        # A refusal of somebody's file is no error of ours: a line, and the detail in the task.
        trace = f"\n{result.detail}" if result.role is None and result.detail else ""
        log.warning("[%s] failed (%s): %s%s", task_id, reason, result.text, trace)
        changes = {"status": "failed", "reason": reason, "reason_role": result.role}
        record = attempt.store.get(task_id)
        results = read(record).results if record else ()
        if results and reason != reasons.CANCELLED:
            # One result was whole before the other killed the child: the task has succeeded.
            changes = {"status": "success", "reason": None}
            for variant in set(VARIANTS) - set(results):
                changes |= VariantRecord(status="failed", reason=reason).keys(variant)
        _end(attempt, attempt.details.put(**changes, detail=result.text or None), {})


def _end(attempt: _Attempt, changes: dict[str, Any], seconds: Mapping[str, float]) -> None:
    attempt.patch(_completed(changes))
    if not attempt.lost:
        measures().count_end(changes["reason"] or "success", seconds)


def _completed(changes: dict[str, Any]) -> dict[str, Any]:
    """What every end of an attempt writes besides its result."""
    if changes["status"] == "failed":
        changes["message"] = reasons.message_of(changes["reason"], changes.get("reason_role"))
    return {
        **changes,
        "completed_at": now(),
        "stage": None,
        "seconds_left": None,
        "progress": None,
        "cancel_requested": None,
    }


def _keep_evidence(attempt: _Attempt) -> None:
    source = attempt.work / "evidence.json"
    try:
        if attempt.store.files.fetch(source):
            source.replace(attempt.results / "evidence.json")
    except OSError as error:  # plots alone: no reason to lose the end of a task
        log.warning("[%s] no evidence for the plots: %s", attempt.task.id, error)


def attempt_folder(results: Path, run: Task | Adjustment, name: str) -> Path:
    """The folder that the attempt under way works in, which no other attempt ever had: one that is
    taken for dead may still be writing. It is there already after a takeover."""
    owner = re.sub(r"[^A-Za-z0-9_-]", "-", run.first_owner or run.owner or "")
    return results / f"attempt-{name}-{owner}"


def begin(store: Store, task: Task, work: Path) -> None:
    """Makes an attempt's folder in the place of earlier ones; after a takeover it is there."""
    if not work.is_dir():
        remove_attempts(work.parent)
        work.mkdir(parents=True)
        named = (value_of(task, f"{name}_output") for name in VARIANTS)
        outputs = [*named, *(one.output for one in read_files(value_of(task, "files")))]
        store.files.tidy(work.parent, [work.name, *(Path(one).name for one in outputs if one)])


def remove_older(store: Store, task: Task, changes: Mapping[str, Any]) -> None:
    """Removes the results of before that changes of the record, saved by now, name no more."""
    keys = [f"{name}_output" for name in VARIANTS]
    older = {str(value_of(task, key)) for key in keys if key in changes}
    older -= {changes.get(key) for key in keys}
    store.files.remove(filter(None, map(store.safe_path, older)))


def remove_attempts(results: Path) -> None:
    """Removes what earlier attempts left; results under their final names stay."""
    for left in results.glob("attempt-*"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)


def broken_off(
    store: Store, task_id: str, claim: Claim, reason: str | None, stopping: Callable[[], bool]
) -> bool:
    """Whether an attempt was left unfinished; its run is then pending again, if it is still ours.

    Tried until it is saved, since a living process's run would be taken up by nobody; a service
    that stops tries once. Raises Fenced, NoSuchTask, and then NotSaved.
    """
    back = {SHUTDOWN: store.release, INTERRUPTED: store.interrupt}.get(reason or "")
    while back is not None:
        try:
            back(task_id, claim)
        except NotSaved as error:
            if stopping():
                raise
            log.warning("[%s] could not be given back yet: %s", task_id, error)
            time.sleep(SAVE_SECONDS)
        else:
            log.info("[%s] goes back into the queue (%s)", task_id, reason)
            break
    return reason in (SHUTDOWN, INTERRUPTED, LOST, DETACHED)


def run_task(
    store: Store,
    task: Task,
    settings: Settings,
    execute: Execute,
    stopping: Callable[[], bool],
) -> None:
    """Runs one claimed task to its end; on a shutdown it goes back to the queue unharmed.

    Whatever breaks on the way is an end too: this process lives on, so that nobody would ever
    take the task for interrupted, and it would be called "processing" for ever.
    """
    results = settings.outputs / "results" / task.id
    work = attempt_folder(results, task, str(task.attempts))
    details = Details(settings.outputs, task)
    attempt = _Attempt(store, task, settings, stopping, results, work, details)
    log.info("[%s] attempt %d begins", task.id, task.attempts)
    try:
        make_task_folder(settings.outputs, "results", task.id)
        begin(store, task, work)
        job = job_of(store, task, work, mapping(value_of(task, "options")))
    except FileNotFoundError as error:
        role = str(error)
        result = JobResult(reason=reasons.MISSING_FILE, role=role, text=f"no {role} file")
    except Exception as error:  # a record that somebody spoilt, too
        log.exception("[%s] the attempt could not begin", task.id)
        result = broken(error)
    else:
        try:
            result = execute(
                job,
                attempt.report,
                stop=attempt.stop,
                timeout=settings.task_timeout,
                tag=task.id,
            )
        except Exception as error:
            log.exception("[%s] the attempt broke off", task.id)
            result = broken(error)
    if result.reason == DETACHED:
        log.info("[%s] attempt %d goes on without this service", task.id, task.attempts)
        return
    if result.outcome is not None:
        _keep_evidence(attempt)  # of a failure too: people want to see why
    # Before the end is saved, since on a full disk this may make the space for it; and before the
    # task is given back, since whoever claims it next begins the attempt of the same number.
    shutil.rmtree(work, ignore_errors=True)
    store.files.remove_folder(work)
    if not broken_off(store, task.id, task.claim, result.reason, stopping):
        _finish(attempt, result)
    log.info("[%s] attempt %d ended", task.id, task.attempts)
