"""Sentences about a task in the viewer's language: status, stage, reason, verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pipeline.tasks.answer import Answer
from pipeline.tasks.queue import Queue
from pipeline.tasks.record import TaskRecord
from ui.words.format import LEAST_MS, clock, duration, milliseconds
from ui.words.text import has, t

Tone = Literal["wait", "busy", "good", "ask", "bad", "off"]
"""How a status is coloured: ``ask`` where a person has to do something, ``off`` for given up."""
TONES: Mapping[str, Tone] = {
    "pending": "wait",
    "processing": "busy",
    "success": "good",
    "failed": "bad",
    "ambiguous": "ask",
    "waiting": "ask",
    "cancelling": "off",
    "cancelled": "off",
}
HIGH_CONFIDENCE, MEDIUM_CONFIDENCE = 0.8, 0.5
"""Above these a confidence is called high, medium; an ambiguous answer has at most the second."""
AGREE_MS = 45.0
"""Above this the two results are shown as different answers (one and a half video frames)."""


def status_text(task: TaskRecord) -> str:
    """The word for the status; a cancelled task says so."""
    state = _state(task)
    return t(f"status.{state}") if state in TONES else state


def status_tone(task: TaskRecord) -> Tone:
    """The colour of that word."""
    return TONES.get(_state(task), "off")


def _state(task: TaskRecord) -> str:
    """The status, or what is more to the point."""
    failed, success = task.status == "failed", task.status == "success"
    states = {
        "cancelled": failed and task.reason == "cancelled",
        "cancelling": task.status == "processing" and task.cancel_requested,
        "processing": success and task.adjusting,
        "ambiguous": success and task.answer.ambiguous,
        "waiting": task.needs_placing,
    }
    return next((name for name, holds in states.items() if holds), str(task.status))


def stage_text(task: TaskRecord, queue: Queue) -> str:
    """What is being done now, or the place in the queue, or why it failed."""
    if task.status == "pending":
        place = queue.places.get(task.id)
        return t("queue.place", n=place) if place else ""
    if task.status == "processing":
        stage = f"stage.{task.stage}"
        text = t(stage) if has(stage) else t("stage.start")
        left = task.seconds_left
        return t("stage.left", stage=text, left=duration(left)) if left is not None else text
    if task.status == "failed":
        return t("stage.place") if task.needs_placing else reason_text(task)
    if task.status == "success":
        if task.adjusting:
            return t("stage.file" if task.adjust and task.adjust.file else "stage.adjust")
        return t("result.all")
    return ""


def queue_text(queue: Queue) -> str:
    """What runs and waits, over all viewers, and when it will be done."""
    parts = []
    if queue.running:
        parts.append(t("queue.running", n=queue.running))
    if queue.adjusting:
        parts.append(t("queue.adjusting", n=queue.adjusting))
    if queue.places:
        parts.append(t("queue.waiting", n=len(queue.places)))
    if parts and queue.seconds_left is not None:
        parts.append(t("queue.left", time=duration(queue.seconds_left)))
    return " · ".join(parts) or t("queue.idle")


def variant_name(kind: str) -> str:
    """What a result or an upload is called; a method that has no text yet by its own name."""
    return t(f"variant.{kind}") if has(f"variant.{kind}") else kind


def reason_text(task: TaskRecord) -> str:
    """Why it failed, in the viewer's language, made from the code."""
    key = f"reason.{task.reason}"
    if has(key):
        return t(key)
    return t("reason.unknown")


def advice_text(task: TaskRecord) -> str:
    """What to do about it; a song needs other advice than a film."""
    keys = (f"advice.{task.reason}.{task.reason_role}", f"advice.{task.reason}", "advice.unknown")
    return t(next(key for key in keys if has(key)))


def confidence_word(value: float) -> str:
    """high, medium or low, in words."""
    if value >= HIGH_CONFIDENCE:
        return t("confidence.high")
    return t("confidence.medium") if value > MEDIUM_CONFIDENCE else t("confidence.low")


def then(first: str, *more: str) -> str:
    """Sentences one after the other, as the language sets them; empty ones are left out."""
    for second in filter(None, more):
        first = t("text.then", first=first, second=second)
    return first


def verdict(task: TaskRecord) -> str:
    """What a dancer understands: "Both methods agree to 3 ms. Confidence: high."."""
    answer, moved = task.answer, _moved(task)
    if answer.placed or answer.confirmed:
        key = "verdict.by_hand" if answer.by_hand else "verdict.by_hand_refined"
        return then(t("verdict.chosen" if answer.placed_by_choice else key), moved)
    if task.same_file:  # that they agree is no merit
        return t("verdict.same_file")
    if answer.confidence is None:
        return ""
    agreement = answer.agreement_ms
    if answer.ambiguous:
        first = t("verdict.ambiguous")
    elif agreement is None:
        have = task.results
        first = t("verdict.one", name=variant_name(have[0])) if have else t("verdict.none")
    elif agreement < LEAST_MS:
        first = t("verdict.agree_closely")
    elif agreement <= AGREE_MS:
        first = t("verdict.agree", ms=milliseconds(agreement))
    else:
        first = t("verdict.differ", ms=milliseconds(agreement))
    return then(first, t("verdict.confidence", word=confidence_word(answer.confidence)), moved)


def _moved(task: TaskRecord) -> str:
    nudge = task.made_with.nudge_ms
    said = t("verdict.later" if nudge > 0 else "verdict.earlier", ms=f"{abs(nudge):g}")
    return said if nudge else ""


def headline(task: TaskRecord) -> str:
    """What a dancer is told of a result, in one line: whether it is in sync."""
    answer = task.answer
    if answer.ambiguous:
        return t("verdict.ambiguous")
    known = answer.placed or answer.confirmed or answer.confidence is not None
    if answer.by_hand or task.same_file or not known:
        return verdict(task)
    return then(_in_sync(answer), _moved(task))


def _in_sync(answer: Answer) -> str:
    apart, confidence = answer.distance_ms, answer.confidence or 0.0
    if apart is not None and apart > AGREE_MS and not answer.confirmed:
        return t("headline.differ", ms=milliseconds(apart))
    if answer.confirmed or (answer.placed and apart is not None):
        return t("headline.chosen")
    if answer.placed:
        return t("headline.likely")
    sure, likely = confidence >= HIGH_CONFIDENCE, confidence > MEDIUM_CONFIDENCE
    return t("headline.sure" if sure else f"headline.{'likely' if likely else 'unsure'}")


def agreement_text(task: TaskRecord) -> str:
    """How far the two methods are apart, or who placed the song."""
    answer = task.answer
    return t("agreement.by_hand") if answer.placed else milliseconds(answer.agreement_ms)


def warning_texts(task: TaskRecord) -> list[str]:
    """The task's warnings that the catalogue knows, in the viewer's language."""
    texts: list[str] = []
    for warning in (*task.warnings, *task.answer.notices):
        key = f"warning.{warning['code']}"
        at, semitones = warning.get("at", 0.0), warning.get("semitones", 0.0)
        said = {**warning, "at": clock(at), "semitones": f"{semitones:+g}"}
        text = t(key, **said) if has(key) else warning["code"]
        if text not in texts:
            texts.append(text)
    return texts
