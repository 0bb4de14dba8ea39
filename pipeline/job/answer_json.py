"""The alignment as JSON: for the command line, the task file and the evidence file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.model import Alignment, Candidate, MethodAlignment, Segment, longest

DIGITS = 6
"""Microseconds: far below what is measured, and short enough for a person to read."""


def _round(value: float | None, digits: int = DIGITS) -> float | None:
    return None if value is None else round(float(value), digits)


def segment_to_json(segment: Segment) -> dict[str, Any]:
    """One segment; times in seconds on the dance's time line."""
    return {
        "dance_start": _round(segment.dance_start),
        "dance_end": _round(segment.dance_end),
        "offset": _round(segment.offset),
        "speed": _round(segment.speed, 8),  # 1e-8 over two hours is 0.07 ms
        "pitch_moved": segment.pitch_moved,
        "semitones": _round(segment.semitones, 2),
        **{name: True for name in ("begins", "ends") if getattr(segment, name)},
    }


def segment_from_json(data: Mapping[str, Any]) -> Segment:
    """The inverse of ``segment_to_json``; raises KeyError, TypeError or ValueError."""
    return Segment(
        dance_start=float(data["dance_start"]),
        dance_end=float(data["dance_end"]),
        offset=float(data["offset"]),
        speed=float(data.get("speed", 1.0)),
        pitch_moved=bool(data.get("pitch_moved", False)),
        semitones=float(data.get("semitones", 0.0)),
        begins=bool(data.get("begins", False)),
        ends=bool(data.get("ends", False)),
    )


def _candidate_to_json(candidate: Candidate) -> dict[str, Any]:
    return {
        "offset": _round(candidate.offset),
        "speed": _round(candidate.speed, 8),
        "confidence": _round(candidate.confidence, 4),
    }


def _answer_to_json(answer: MethodAlignment | Alignment) -> dict[str, Any]:
    """What one method's answer and the task's answer have in common."""
    main = longest(answer.segments)
    return {
        "matched": answer.matched,
        "ambiguous": answer.ambiguous,
        "offset": _round(main.offset) if main else None,
        "speed": _round(main.speed, 8) if main else None,
        "confidence": _round(answer.confidence, 4),
        "error_ms": _round(answer.error_ms, 3),
        "reason": answer.reason,
        "segments": [segment_to_json(segment) for segment in answer.segments],
        "candidates": [_candidate_to_json(candidate) for candidate in answer.candidates],
    }


def by_hand(alignment: Alignment) -> bool:
    """Whether the answer is a person's place alone: no method found anything to refine it by."""
    matched = [answer for answer in alignment.variants.values() if answer.matched]
    return bool(matched) and all(answer.refined is False for answer in matched)


def alignment_to_json(
    alignment: Alignment, hint: tuple[float, float] | None = None
) -> dict[str, Any]:
    """The task's answer: the top-level offset and speed are those of the longest segment.

    ``hint``: the (offset, speed) that a person gave, if the answer comes from one.
    """
    given = {"hint": {"offset": _round(hint[0]), "speed": _round(hint[1], 8)}} if hint else {}
    return {
        **_answer_to_json(alignment),
        "agreement_ms": _round(alignment.agreement_ms, 3),
        "by_hand": by_hand(alignment),
        **given,
        "variants": {name: _answer_to_json(a) for name, a in alignment.variants.items()},
    }


def evidence_to_json(answer: MethodAlignment) -> dict[str, Any]:
    """What the plots show for one method, and the figures behind its answer."""
    evidence = answer.evidence
    names = ("score", "weight", "confidence_cap", "confirmed_error_ms", "refined")
    return {
        "offsets": [_round(x, 4) for x in evidence.offsets],
        "scores": [_round(x, 4) for x in evidence.scores],
        "details": {
            **{name: _round(getattr(answer, name)) for name in names},
            **{name: _round(x) for name, x in evidence.details.items()},
        },
    }
