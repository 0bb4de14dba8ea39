"""Which sound track of the dance belongs to which one of the reference.

Cameras write silent or far-away tracks beside the good one, screen recorders talk and music apart,
a music video has a commentary before the song. Loudness does not decide which is right, so pairs of
tracks are compared by the methods and the judge, and the best match is the answer.

The first method is asked about every pair; the next method in the order of the first one's
answers, and only about pairs that can still be the best: a pair that a method does not match is
never surer than ``judge.ONE_METHOD_CONFIDENCE``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.align.judge import ONE_METHOD_CONFIDENCE, judge
from pipeline.job.answer_json import by_hand
from pipeline.media.info import MediaInfo
from pipeline.model import Alignment, MethodAlignment, Progress
from pipeline.sound.decode import PcmSound

MAX_PAIRS = 16
"""An eight-channel recording against two tracks. The quietest pairs are left out, and the task says
so."""

Ask = Callable[[str, PcmSound, PcmSound, Progress], MethodAlignment]
"""One method's answer (by its name) for a dance's and a reference's track."""


@dataclass(frozen=True)
class Pair:
    """Two tracks, and what is known of how they fit."""

    dance: PcmSound
    reference: PcmSound
    answers: Mapping[str, MethodAlignment] = field(default_factory=dict)

    @property
    def alignment(self) -> Alignment:
        """What the judge makes of the answers so far."""
        return judge(self.answers)


def pairs(dances: Sequence[PcmSound], references: Sequence[PcmSound]) -> list[Pair]:
    """All pairs of tracks (the loudest of each file first), at most ``MAX_PAIRS``."""
    ranked = sorted(
        ((i + j, i, j) for i in range(len(dances)) for j in range(len(references))),
    )
    return [Pair(dances[i], references[j]) for _, i, j in ranked[:MAX_PAIRS]]


def best_pair(
    candidates: Sequence[Pair],
    methods: Sequence[str],
    ask: Ask,
    begin: Callable[[str], Progress],
) -> Pair:
    """The pair that fits best, with its answers by all ``methods``.

    ``begin`` is called with each method's name before it is asked and returns the callback for its
    progress. Raises what ``ask`` raises.
    """
    best = list(candidates)
    for number, name in enumerate(methods):
        whole = begin(name)
        asked: list[Pair] = []
        for place, pair in enumerate(best):
            if asked and number > 0 and _beaten(pair, asked):
                break  # those after it are no better
            share = _share(whole, place, len(best))
            answer = ask(name, pair.dance, pair.reference, share)
            asked.append(replace(pair, answers={**pair.answers, name: answer}))
        best = sorted(asked, key=_fit, reverse=True)
    return best[0]


def _share(progress: Progress, place: int, count: int) -> Progress:
    """The callback for the progress of one of ``count`` equal parts of a whole."""
    return lambda done: progress((place + done) / count)


def _beaten(pair: Pair, asked: Sequence[Pair]) -> bool:
    """Whether no answer of a further method can make the pair better than one that is done."""
    if any(answer.matched for answer in pair.answers.values()):
        return False
    return any(done.alignment.confidence > ONE_METHOD_CONFIDENCE for done in asked)


def _fit(pair: Pair) -> tuple[bool, bool, float, float]:
    """Sorts pairs: matched ones, those that the sound itself places, the surer, the more exact.
    Of equal ones the order stays, in which the louder are first."""
    found = pair.alignment
    exact = -(found.error_ms or 0.0)
    return found.matched, not by_hand(found), round(found.confidence, 2), exact


def said(
    alignment: Alignment,
    dance: tuple[MediaInfo, PcmSound, bool],
    reference: tuple[MediaInfo, PcmSound, bool],
    left_out: int,
) -> dict[str, Any]:
    """What the answer says of tracks, by role: ``track`` (from 1), ``of`` how many, and ``why``:
    ``chosen`` by a person, ``fits`` best, or the one that is ``played`` where nothing decides.
    Empty where each file has one. Each file comes with its track and whether a person chose it.
    """
    tracks: dict[str, Any] = {}
    for info, sound, chosen in (dance, reference):
        number = info.track_number(sound.stream)
        if len(info.sounds) > 1 and number is not None:
            fits = alignment.matched and not by_hand(alignment)
            why = "chosen" if chosen else "fits" if fits else "played"
            tracks[info.role] = {"track": number, "of": len(info.sounds), "why": why}
    if tracks and left_out:
        tracks["left_out"] = left_out
    return {"tracks": tracks} if tracks else {}


def as_played(info: MediaInfo, sounds: Sequence[PcmSound]) -> list[PcmSound]:
    """The tracks with the one first that players take, for a place that a person gave: it is the
    one that the person has listened to."""
    played = info.played
    first = next((s for s in sounds if played is not None and s.stream == played.index), None)
    rest = sorted((s for s in sounds if s is not first), key=lambda sound: sound.stream)
    return [first, *rest] if first is not None else rest
