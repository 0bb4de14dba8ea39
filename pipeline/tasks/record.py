"""A task as the page and the pipeline read it: every value of its record in its type.

A person may have edited any value of the task file. ``read`` is the one place that looks at what
is really there: what is of another type counts as absent, and nobody behind it asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from pipeline.media.info import AudioInfo, MediaInfo, Role
from pipeline.model import BEST_FIRST, VARIANTS, VariantName
from pipeline.plan.options import RenderOptions
from pipeline.plan.render_plan import RenderPlan
from pipeline.tasks.answer import CONFIRMED, Answer, read_answer
from pipeline.tasks.extra_files import REQUEST, ExtraFile, FileChoice, read_choice, read_files
from pipeline.tasks.shares import KEY as SHARES
from pipeline.tasks.shares import Share, read_shares
from pipeline.tasks.values import count, mapping, number, objects, share, text, texts

if TYPE_CHECKING:
    from pipeline.job.warnings import Notice
    from store import Task

SoundTracks = Sequence[AudioInfo]
ACTIVE = frozenset({"pending", "processing"})
MUTE = frozenset({"no_sound", "silent"})
"""Reasons that say that a file has no sound to find anything by."""


@dataclass(frozen=True)
class VariantRecord:
    """What a task's record has of one variant. Each field but the plan is a key of its own, which
    :meth:`keys` names."""

    status: str | None = None
    """success or failed; None while nothing is known."""
    output: str | None = None
    """Path of the result, relative to the project's root."""
    size: int | None = None
    """Of the result (bytes)."""
    reason: str | None = None
    """A code of ``pipeline.reasons`` where there is no result."""
    notes: tuple[str, ...] = ()
    """Codes of ``pipeline.job.warnings``."""
    plan_json: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def plan(self) -> RenderPlan | None:
        """What the result was made by; None without one, or for what a person made of it."""
        try:
            return RenderPlan.from_json(dict(self.plan_json)) if self.plan_json else None
        except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError):
            return None

    def keys(self, variant: str) -> dict[str, Any]:
        """The keys of the record that say this of a variant; a None takes the key away."""
        return {f"{variant}_{part}": getattr(self, part) or None for part in _PARTS}


_PARTS: Mapping[str, Callable[[object], Any]] = {
    "status": text,
    "output": text,
    "size": count,
    "reason": text,
    "notes": texts,
}
"""The parts of a variant that are keys of the record, and how each is read."""
VARIANT_KEYS = {name: tuple(VariantRecord().keys(name)) for name in VARIANTS}
"""The keys of each variant in a record."""

MADE_SIZE = "made_size"
"""The key of the bytes of results and further files together: of each they are in the details."""


@dataclass(frozen=True)
class AdjustmentRecord:
    """How an adjustment goes on, or that the last one failed."""

    number: int
    status: str
    progress: float | None
    """0 to 1."""
    reason: str | None
    file: FileChoice | None = None
    """The file that is made, where the results stay as they are."""


@dataclass(frozen=True)
class TaskRecord:
    """One task. Times are aware, sizes bytes, progress is between 0 and 1."""

    id: str
    status: str
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    attempts: int = 0
    stage: str | None = None
    progress: float | None = None
    seconds_left: float | None = None
    reason: str | None = None
    """Why it failed: a code of ``pipeline.reasons``."""
    reason_role: str | None = None
    """Of which file the reason speaks, where it speaks of one."""
    detail: str | None = None
    cancel_requested: bool = False
    visitor: str | None = None
    revision: int = 0
    """How often the results were replaced."""
    dance_name: str | None = None
    reference_name: str | None = None
    dance_size: int | None = None
    reference_size: int | None = None
    """Bytes."""
    made_size: int | None = None
    """Bytes of all that was made of them, as the details say it."""
    dance_file: str | None = None
    """Path relative to the project's root."""
    reference_file: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """What was asked for: options of rendering, a place by hand, sound tracks."""
    variants: Mapping[VariantName, VariantRecord] = field(default_factory=dict)
    answer: Answer = field(default_factory=Answer)
    warnings: tuple[Notice, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    """Seconds by stage."""
    adjust: AdjustmentRecord | None = None
    files: tuple[ExtraFile, ...] = ()
    """What a person has had made of the results besides, the oldest first."""
    shares: tuple[Share, ...] = ()
    """Links by which others watch it; some may have ended."""

    @property
    def active(self) -> bool:
        """Whether it waits or runs."""
        return self.status in ACTIVE

    @property
    def adjusting(self) -> bool:
        """Whether an adjustment is being made, or waits for its turn."""
        return self.adjust is not None and self.adjust.status in ACTIVE

    @property
    def needs_placing(self) -> bool:
        """Whether a person has to place the song: the dance has no sound to find it by."""
        return self.status == "failed" and self.reason in MUTE and self.reason_role != "reference"

    @property
    def results(self) -> tuple[VariantName, ...]:
        """The variants that have a result, the most exact first."""
        return tuple(name for name in BEST_FIRST if self.variant(name).output)

    @property
    def best(self) -> VariantName | None:
        """The variant that is the task's result (:meth:`Answer.rank`); None without any."""
        return min(self.results, key=self.answer.rank, default=None)

    @property
    def same_file(self) -> bool:
        """Whether one recording was given as both the dance and the reference."""
        return any(warning["code"] == "same_file" for warning in self.warnings)

    def variant(self, name: str) -> VariantRecord:
        """What is known of a variant; an empty record without anything."""
        return self.variants.get(name) or VariantRecord()

    def cut_off_at(self, role: Role) -> float | None:
        """Where a file that was cut off ends (seconds); None for a whole one."""
        found = [w["at"] for w in self.warnings if w["code"] == f"{role}_cut_off" and "at" in w]
        return found[0] if found else None

    def tracks(self, role: Role) -> SoundTracks | None:
        """The sound tracks of a file; None where no plan says."""
        plans = [plan for one in self.variants.values() if (plan := one.plan)]
        infos = [plan.dance if role == "dance" else plan.reference for plan in plans]
        return infos[0].sounds if infos else None

    def seconds_spent(self, now: datetime) -> float | None:
        """Seconds since the task was started, or between its start and its end."""
        ended = now if self.status == "processing" else self.completed_at
        if self.started_at is None or ended is None:
            return None
        return max(0.0, (ended - self.started_at).total_seconds())

    @cached_property
    def made_with(self) -> RenderOptions:
        """The options that the present result was made with."""
        plans = (self.variant(name).plan for name in BEST_FIRST)
        made = next((plan.options for plan in plans if plan), None)
        try:
            return made or RenderOptions.from_json(dict(self.options))
        except (TypeError, ValueError):
            return RenderOptions()


def read(task: Task) -> TaskRecord:
    """The record of a task of the store."""
    get = partial(value_of, task)
    options, plans = mapping(get("options")), mapping(get("plans"))
    timings = {str(stage): number(value) for stage, value in mapping(get("timings")).items()}
    # What an earlier attempt has answered says nothing of one that has not answered yet.
    answered = task.status != "processing" or (text(get("stage")) or "").startswith("render_")
    shown = answered and task.status != "pending"
    return TaskRecord(
        **{name: getattr(task, name) for name in _OF_THE_STORE},
        **{name: clean(get(name)) for clean, names in _OF_ONE_TYPE.items() for name in names},
        # The store counts every adjustment; one that made a file has left the results alone.
        revision=max(0, (count(get("revision")) or 0) - (count(get("files_made")) or 0)),
        options=options,
        variants={
            name: VariantRecord(
                **{part: clean(get(f"{name}_{part}")) for part, clean in _PARTS.items()},
                plan_json=mapping(plans.get(name)),
            )
            for name in VARIANTS
        },
        answer=(
            read_answer(get("alignment"), options, confirmed=get(CONFIRMED) is True)
            if shown
            else Answer()
        ),
        warnings=tuple(_warnings(get("warnings"))),
        timings={stage: value for stage, value in timings.items() if value is not None},
        adjust=_adjustment(get("adjust")),
        files=read_files(get("files")),
        shares=read_shares(get(SHARES)),
    )


def sound_tracks(facts: Mapping[str, Any]) -> SoundTracks:
    """The sound tracks in what a child process found in a file (``pipeline.child.calls``)."""
    return MediaInfo.from_json(
        {name: facts[name] for name in MediaInfo.__dataclass_fields__}
    ).sounds


def value_of(task: Task, key: str) -> Any:
    """The value of any key of a task's record: only here it is known where the store keeps it."""
    return task.extra[key] if key in task.extra else getattr(task, key, None)


_OF_THE_STORE = ("id", "status", "created_at", "started_at", "completed_at", "attempts")


_OF_ONE_TYPE: Mapping[Callable[[object], Any], Sequence[str]] = {
    text: (
        *("stage", "reason", "reason_role", "detail", "visitor"),
        *("dance_name", "reference_name", "dance_file", "reference_file"),
    ),
    count: ("dance_size", "reference_size", MADE_SIZE),
    share: ("progress",),
    number: ("seconds_left",),
    (lambda value: value is True): ("cancel_requested",),
}
"""How each of these keys is read."""


def _warnings(given: Any) -> list[Notice]:
    """The warnings that have a code, each with those of its other values that are figures."""
    found: list[Notice] = []
    for one in objects(given):
        figures = {key: number(value) for key, value in one.items() if key != "code"}
        if isinstance(one.get("code"), str):
            usable = {key: value for key, value in figures.items() if value is not None}
            found.append({"code": one["code"], **usable})
    return found


def _adjustment(given: Any) -> AdjustmentRecord | None:
    values = mapping(given) or getattr(given, "__dict__", {})
    if not (status := text(values.get("status"))):
        return None
    options = mapping(values.get("options") or mapping(values.get("extra")).get("options"))
    return AdjustmentRecord(
        number=count(values.get("number")) or 0,
        status=status,
        progress=share(values.get("progress")),
        reason=text(values.get("reason")),
        file=read_choice(options.get(REQUEST)),
    )
