"""A task's state in the viewer's words: status, stage, reason, verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.tasks import answer, record
from pipeline.tasks.answer import of_tracks
from pipeline.tasks.queue import Queue
from store import Task
from ui.words.format import CLOSEST_MS, clock, duration, milliseconds
from ui.words.text import has, t

ICONS = {"pending": "⏳", "processing": "⚙️", "success": "✅", "failed": "❌"}
HIGH = 0.8
AGREE_MS = 45.0
"""Above this the two results are shown as different answers (one and a half video frames)."""


def status_text(task: Task) -> str:
    """Icon and word for the status; a cancelled task says so."""
    if task.status == "failed" and task.reason == "cancelled":
        return f"🚫 {t('status.cancelled')}"
    if task.status == "processing" and task.cancel_requested:
        return f"🚫 {t('status.cancelling')}"
    if task.status == "success" and answer.ambiguous(task):
        return f"❓ {t('status.ambiguous')}"
    if record.waiting(task):
        return f"✋ {t('status.waiting')}"
    if task.status not in ICONS:
        return str(task.status)
    return f"{ICONS[task.status]} {t(f'status.{task.status}')}"


def stage_text(task: Task, queue: Queue) -> str:
    """What is being done now, or the place in the queue, or why it failed."""
    if task.status == "pending":
        place = queue.places.get(task.id)
        return t("queue.place", n=place) if place else ""
    if task.status == "processing":
        stage = f"stage.{task.stage}"
        text = t(stage) if has(stage) else t("stage.start")
        left = record.number(task.seconds_left)
        return t("stage.left", stage=text, left=duration(left)) if left is not None else text
    if task.status == "failed":
        return t("stage.place") if record.waiting(task) else reason_text(task)
    if task.status == "success":
        return t("stage.adjust") if record.adjusting(task) else result_text(task)
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


def result_text(task: Task) -> str:
    """Which results there are."""
    have = [name for name, path in _outputs(task).items() if path]
    if len(have) == 1:
        return t("result.only", name=t(f"variant.{have[0]}"))
    return t("result.both")


def _outputs(task: Task) -> Mapping[str, str | None]:
    return {"modular": task.modular_output, "v2": task.v2_output}


def reason_text(task: Task) -> str:
    """Why it failed, in the viewer's language, made from the code."""
    key = f"reason.{task.reason}"
    if has(key):
        return t(key)
    return t("reason.unknown")


def advice_text(task: Task) -> str:
    """What to do about it; a song needs other advice than a film."""
    role = task.extra.get("reason_role")
    keys = (f"advice.{task.reason}.{role}", f"advice.{task.reason}", "advice.unknown")
    return t(next(key for key in keys if has(key)))


def confidence_word(value: float) -> str:
    """high, medium or low, in words."""
    if value >= HIGH:
        return t("confidence.high")
    return t("confidence.medium") if value > 0.5 else t("confidence.low")


def then(first: str, *more: str) -> str:
    """Sentences one after the other, as the language sets them; empty ones are left out."""
    for second in filter(None, more):
        first = t("text.then", first=first, second=second)
    return first


def verdict(task: Task) -> str:
    """What a dancer understands: "Both methods agree to 3 ms. Confidence: high."."""
    nudge = record.number(record.options_of(task).get("nudge_ms")) or 0.0
    moved = t("verdict.nudged", ms=f"{nudge:+g}") if nudge else ""
    if answer.placed(task):
        key = "verdict.by_hand" if answer.by_hand(task) else "verdict.by_hand_refined"
        return then(t("verdict.chosen" if answer.chosen(task) else key), moved)
    if record.same_file(task):  # that they agree is no merit
        return t("verdict.same_file")
    confidence = answer.confidence(task)
    if confidence is None:
        return ""
    agreement = answer.agreement_ms(task)
    if answer.ambiguous(task):
        first = t("verdict.ambiguous")
    elif agreement is None:
        have = [name for name, path in _outputs(task).items() if path]
        first = t("verdict.one", name=t(f"variant.{have[0]}")) if have else t("verdict.none")
    elif agreement < CLOSEST_MS:
        first = t("verdict.agree_closely")
    elif agreement <= AGREE_MS:
        first = t("verdict.agree", ms=milliseconds(agreement))
    else:
        first = t("verdict.differ", ms=milliseconds(agreement))
    return then(first, t("verdict.confidence", word=confidence_word(confidence)), moved)


def agreement_text(task: Task) -> str:
    """How far the two methods are apart, or who placed the song."""
    return (
        t("agreement.by_hand") if answer.placed(task) else milliseconds(answer.agreement_ms(task))
    )


def warning_texts(task: Task) -> list[str]:
    """The task's warnings that the catalogue knows, in the viewer's language."""
    texts: list[str] = []
    for warning in (*(task.warnings or ()), *of_tracks(answer.answer(task))):
        code: Any = warning.get("code") if isinstance(warning, Mapping) else warning
        key = f"warning.{code}"
        given = warning if isinstance(warning, Mapping) else {}
        at, semitones = (record.number(given.get(name)) or 0.0 for name in ("at", "semitones"))
        said = {**given, "at": clock(at), "semitones": f"{semitones:+g}"}
        text = t(key, **said) if has(key) else str(code)
        if text not in texts:
            texts.append(text)
    return texts
