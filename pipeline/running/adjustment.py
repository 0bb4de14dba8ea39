"""One adjustment of a finished task: rendered beside the old result, swapped in when whole.

The task stays a success throughout. With a place given by hand (``hint``) the two files are
aligned again from there; otherwise the plans of the earlier run are revised, or those of the
automatic answer that a place by hand replaced (``pipeline.running.automatic``). A request for a
file (``pipeline.tasks.extra_files``) goes the same way, but leaves the results as they are.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import reasons
from pipeline.child.supervise import JobResult, broken
from pipeline.engine.inputs import Stop, Stopped, patient
from pipeline.engine.model import DETACHED, LOST, SHUTDOWN, Execute
from pipeline.job.events import Event, ProgressEvent
from pipeline.job.model import Job, Outcome
from pipeline.logs import at_stage
from pipeline.model import VARIANTS, VariantName
from pipeline.reasons import JobError, public_text, reason_of
from pipeline.running import automatic
from pipeline.running.attempt import (
    attempt_folder,
    begin,
    broken_off,
    is_taken_over,
    job_of,
    published,
    remove_older,
)
from pipeline.settings import Settings
from pipeline.tasks.answer import CONFIRMED
from pipeline.tasks.details import MAX_DETAIL_LETTERS, Details, unusual_options
from pipeline.tasks.extra_files import (
    REQUEST,
    ExtraFile,
    FileChoice,
    file_options,
    read_choice,
    read_files,
    with_file,
)
from pipeline.tasks.record import VariantRecord, value_of
from pipeline.tasks.values import count, mapping, objects
from store import Fenced, NoSuchTask, NotSaved, details

if TYPE_CHECKING:
    from files.place import Place
    from store import Adjustment, Claim, Store, Task

log = logging.getLogger(__name__)


def requested_options(request: Adjustment) -> dict[str, Any]:
    """The options that an adjustment was asked for with."""
    return dict(mapping(request.extra.get("options")))


def adjusted_job(store: Store, task: Task, work: Path, options: Mapping[str, Any]) -> Job:
    """The job that makes the task's results once more, or a file of one; raises
    ``FileNotFoundError``, and ``JobError`` when it should go back to an automatic answer that was
    not kept."""
    if choice := read_choice(options.get(REQUEST)):
        return file_job(store, task, work, choice)
    job = job_of(store, task, work, automatic.effective_options(task, options))
    if options.get(automatic.GO_BACK):
        back = automatic.plans_of(task)
        own_tracks = automatic.track_numbers(automatic.saved_answer(task) or {})
        if own_tracks != automatic.track_numbers(mapping(value_of(task, "alignment"))):
            # The present plans are of other tracks, with their levels and limits: found anew.
            return replace(
                job,
                variants=tuple(back),
                dance_track=own_tracks.get("dance"),
                reference_track=own_tracks.get("reference"),
            )
        return replace(
            job, plans={str(name): plan for name, plan in back.items()}, variants=tuple(back)
        )
    plans = mapping(value_of(task, "plans"))
    known: tuple[VariantName, ...] = tuple(name for name in VARIANTS if name in plans)
    if job.hint is None and known:
        job = replace(job, plans=dict(plans), variants=known)
    return job


def run_adjustment(
    store: Store,
    task: Task,
    settings: Settings,
    execute: Execute,
    stopping: Callable[[], bool],
) -> None:
    """Runs one claimed adjustment to its end; on a shutdown it goes back unharmed."""
    request = task.adjust
    if request is None or request.owner is None:
        raise ValueError(f"task {task.id} has no claimed adjustment")
    number, options = request.number, requested_options(request)
    claim = request.claim
    work = attempt_folder(settings.outputs / "results" / task.id, request, f"adjust-{number}")

    def stop() -> str | None:
        if stopping():
            return SHUTDOWN
        now = store.get(task.id)
        if now is None or now.adjust is None or now.adjust.owner != claim.owner:
            return LOST
        return reasons.CANCELLED if now.adjust.cancel_requested else None

    def report(event: Event) -> None:
        if isinstance(event, ProgressEvent) and stop() is None:
            at_stage(event.stage)
            with suppress(Fenced, NoSuchTask):  # replaced just now: the next look says so
                store.update(task.id, asdict(event), claim, durable=False)

    log.info("[%s] adjustment %d begins", task.id, number)
    with suppress(Stopped, OSError):  # which the job comes upon as well
        task = with_details(store, task, stop, settings.task_timeout)
    result = _made(
        store,
        task,
        work,
        options,
        lambda job: execute(job, report, stop=stop, timeout=settings.task_timeout, tag=task.id),
    )

    def end(result: JobResult) -> None:
        if not broken_off(store, task.id, claim, result.reason, stopping):
            _finish(store, task, options, claim, result, settings)

    try:
        try:
            patient(end, stop, settings.task_timeout)(result)
        except Stopped as stopped:
            end(JobResult(reason=str(stopped)))
    except (Fenced, NoSuchTask) as error:
        log.warning("[%s] adjustment %d came too late: %s", task.id, number, error)
    except NotSaved as error:
        log.warning("[%s] not saved, tried again later: %s", task.id, error)
    except OSError as error:  # the new result could not be put in the old one's place
        log.warning("[%s] the new result did not get its place: %r", task.id, error)
        with suppress(Fenced, NoSuchTask, NotSaved):
            if not broken_off(store, task.id, claim, broken(error).reason, stopping):
                store.fail(task.id, _failed(reason_of(error), public_text(error)), claim)
    finally:
        if result.reason != DETACHED:
            shutil.rmtree(work, ignore_errors=True)
            store.files.remove_folder(work)


def with_details(store: Store, task: Task, stop: Stop, seconds: float) -> Task:
    """The task with its details, without which nothing of them would be kept; waits for a bucket
    that could not be reached when the task was claimed. Raises ``Stopped`` and OSError."""
    path = details.path_of(store.path.parent, task.id, task.extra.get(details.KEY))
    if path is None or path.is_file():
        return task
    patient(store.files.fetch, stop, seconds)(path)
    return store.get(task.id) or task


def _made(
    store: Store,
    task: Task,
    work: Path,
    options: Mapping[str, Any],
    run: Callable[[Job], JobResult],
) -> JobResult:
    """Runs the job; how it ended, also where it could not begin."""
    try:
        begin(store, task, work)
        job = adjusted_job(store, task, work, options)
    except FileNotFoundError as error:
        return JobResult(reason=reasons.MISSING_FILE, role=str(error))
    except Exception as error:  # as in ``run_task``
        log.exception("[%s] the adjustment could not begin", task.id)
        return broken(error)
    try:
        return run(job)
    except Exception as error:
        log.exception("[%s] the adjustment broke off", task.id)
        return broken(error)


def _failed(reason: str, detail: str | None) -> dict[str, Any]:
    """What the request says of a failure; the old result stays."""
    short = detail[:MAX_DETAIL_LETTERS] if detail else None
    return {"reason": reason, "detail": short, "stage": None, "seconds_left": None}


def _finish(
    store: Store,
    task: Task,
    options: Mapping[str, Any],
    claim: Claim,
    result: JobResult,
    settings: Settings,
) -> None:
    """Swaps the new results in, or notes why there are none."""
    if choice := read_choice(options.get(REQUEST)):
        _finish_file(store, task, choice, claim, result, settings)
        return
    outcome, going_back = result.outcome, bool(options.get(automatic.GO_BACK))
    files = read_files(value_of(task, "files"))
    done = [name for name, one in outcome.variants.items() if one.output] if outcome else []
    # At another place, what one method alone finds is a result; at the same one, both had theirs.
    enough = bool(options.get("hint")) or (outcome and len(done) == len(outcome.variants))
    if outcome is None or not done or not enough:
        _fail(store, task, claim, result)
        return
    results = settings.outputs / "results" / task.id
    # What was made at the other place is no result of this one.
    elsewhere = going_back or bool(options.get("hint"))
    gone = [name for name in VARIANTS if elsewhere and name not in done]
    details = Details(settings.outputs, task)
    plans = {name: plan for name, plan in details.plans.items() if name not in gone}
    # What is true of the files stays; what was true of a result is said anew.
    kept = [w for w in objects(value_of(task, "warnings")) if w.get("code") != "picture_encoded"]
    changes = details.put(
        options=unusual_options(automatic.effective_options(task, options)),
        **_variant_changes(store, task, outcome, gone, settings),
        plans=plans | {name: outcome.variants[name].plan for name in done},
        warnings=[*kept, *(w for w in outcome.warnings if w not in kept)],
        files=None,  # they were made of the results before
        **_alignment_changes(store.files, task, outcome, results, going_back=going_back),
    )
    store.finish(task.id, changes, claim)
    details.saved()
    remove_older(store, task, changes)
    _remove(store, files)
    log.info("[%s] its adjustment is in place", task.id)


def _fail(store: Store, task: Task, claim: Claim, result: JobResult) -> None:
    reason, detail = _why_failed(result)
    log.warning("[%s] its adjustment failed (%s): %s", task.id, reason, detail)
    store.fail(task.id, _failed(reason, detail), claim)


def file_job(store: Store, task: Task, work: Path, choice: FileChoice) -> Job:
    """The job that makes a file of a result; raises ``FileNotFoundError``, and ``JobError`` for a
    result without a plan."""
    plan = mapping(mapping(value_of(task, "plans")).get(choice.variant))
    if not plan:
        raise JobError(reasons.RENDER_FAILED, f"there is no plan of {choice.variant} to go by")
    job = job_of(store, task, work, file_options(plan, choice))
    return replace(job, plans={choice.variant: plan}, variants=(choice.variant,))


def _finish_file(
    store: Store,
    task: Task,
    choice: FileChoice,
    claim: Claim,
    result: JobResult,
    settings: Settings,
) -> None:
    """Puts the new file beside the results, or notes why there is none."""
    made = result.outcome.variants.get(choice.variant) if result.outcome else None
    if made is None or not made.output:
        _fail(store, task, claim, result)
        return
    results = settings.outputs / "results" / task.id
    number = (count(value_of(task, "files_made")) or 0) + 1
    final = results / f"{task.id}_file-{number}.mp4"
    again = is_taken_over(task.adjust)
    record = published(made, final, settings, store.files, again=again)
    before = read_files(value_of(task, "files"))
    new = ExtraFile(number, choice, record.output or "", record.size or 0)
    files = with_file(before, new)
    details = Details(settings.outputs, task)
    changes = details.put(files=[one.to_json() for one in files]) | {"files_made": number}
    store.finish(task.id, changes, claim)
    details.saved()
    _remove(store, [one for one in before if one not in files])
    log.info("[%s] its file is there", task.id)


def _remove(store: Store, files: Iterable[ExtraFile]) -> None:
    store.files.remove(filter(None, (store.safe_path(one.output) for one in files)))


def _why_failed(result: JobResult) -> tuple[str, str | None]:
    """The reason, and its detail where there is one: the job's, else its first failed variant's."""
    outcome = result.outcome
    failed = [one for one in outcome.variants.values() if not one.output] if outcome else []
    reason = result.reason or (failed[0].reason if failed else outcome and outcome.reason)
    detail = result.text or (failed[0].text if failed else "")
    return reason or reasons.RENDER_FAILED, detail or None


def _variant_changes(
    store: Store, task: Task, outcome: Outcome, gone: Sequence[VariantName], settings: Settings
) -> dict[str, Any]:
    """Gives the new results their final names; the record's keys of these and of those ``gone``."""
    changes: dict[str, Any] = {}
    for name in gone:
        variant = outcome.variants.get(name)
        reason = (variant.reason if variant else None) or reasons.NO_SHARED_MUSIC
        changes |= VariantRecord(status="failed", reason=reason).keys(name)
    for name, variant in outcome.variants.items():
        if variant.output:
            final = settings.outputs / "results" / task.id / f"{task.id}_{name}.mp4"
            again = is_taken_over(task.adjust)
            made = published(variant, final, settings, store.files, again=again)
            changes |= made.keys(name)
    return changes


def _alignment_changes(
    files: Place, task: Task, outcome: Outcome, results: Path, *, going_back: bool
) -> dict[str, Any]:
    """The new alignment, its curves beside the results, of which nobody has said yet that it is
    right; nothing where it stays as it is."""
    for name in (automatic.EVIDENCE, automatic.SAVED_EVIDENCE):
        files.fetch(results / name)
    if going_back:
        alignment = automatic.saved_alignment(task)
        automatic.put_evidence_back(results)
        return {"alignment": alignment, CONFIRMED: None}
    if not outcome.alignment:
        return {}
    alignment = automatic.with_saved_answer(task, outcome.alignment)
    if automatic.ANSWER_KEY in alignment and automatic.saved_answer(task) is None:
        automatic.keep_evidence(results)
    made = next(one.output for one in outcome.variants.values() if one.output)
    evidence = Path(made).parent / automatic.EVIDENCE
    if files.fetch(evidence):
        evidence.replace(results / automatic.EVIDENCE)
    return {"alignment": alignment, CONFIRMED: None}
