"""From a method's answers at single speeds to its answer for the whole dance.

What is tried, and in which order, is the same for every method: the same speed, every other speed
where that explains too little, every key where waveforms do not agree, and the gaps. How a
place is estimated is the method's own (``Estimator``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline import reasons
from pipeline.align.shared.pauses import gaps, is_own_take, levels, without_fillings
from pipeline.align.shared.segments import incomplete, part_of, separated
from pipeline.align.sounds.feature_frames import SAME_PITCH_RATIO, FeatureFrames, FramedPair, Line
from pipeline.align.sounds.signal import Array, duration
from pipeline.align.sounds.speeds import KEYS, SpeedPeak, Trial, moved_and_kept
from pipeline.model import Evidence, LineMap, MethodAlignment, Progress, Segment, Sound

REPLACE_RATIO = 1.25
"""How much more evidence another speed or key needs to replace the same one."""
SURE_CONFIDENCE = 0.9
"""Confidence that a take in a gap needs, or trust where it is surely heard."""
MAX_GAPS, MAX_SPEEDS = 3, 3
"""Gaps that are searched, and speeds that are looked at in each."""
REACH_SECONDS = 0.3
"""Seconds on either side of a person's placing within which the methods look for a better one."""
HINT_SIGMAS = 5.5
"""Score from which there is something to refine a hint by."""
MAX_POINTS = 400
"""Points of a plotted curve."""
UNLOCKED_CONFIDENCE = 0.85
"""The most confidence in a line at the same pitch on which waveforms do not agree."""

Segments = Sequence[Segment]


@dataclass(frozen=True)
class Estimator:
    """What a method does at one speed, and how it finds the speeds to try."""

    name: str
    extract: Callable[[Sound, float, float], FeatureFrames]
    """Features of a sound at a speed and a pitch."""
    at_speed: Callable[[FramedPair], MethodAlignment]
    """The answer at one speed."""
    search: Callable[[Sound, Sound, Sequence[Trial]], list[SpeedPeak]]
    """The best places at the best of the speeds and keys that are tried, best first."""
    speeds: Iterable[float]
    """Other speeds that are tried."""
    speed_sigmas: float
    """Score of a speed or key from which it is looked at."""
    heard_sigmas: float
    """Score that chance, and other songs, hardly come to."""
    chance: Callable[[FramedPair, int, int], Array]
    """Standard deviations of chance products of the frames between two, frame by frame."""
    at_place: Callable[[FramedPair, float, float], MethodAlignment]
    """The answer at such an offset, which stands so many sigmas above chance."""
    finer_speed: Callable[[FramedPair, SpeedPeak], float] = lambda _, peak: peak.speed
    """The speed of a peak, fitted more closely."""
    in_noise: Callable[[FramedPair], MethodAlignment] | None = None
    """The answer where no speed gave one: music deep in noise."""
    faint_takes: Callable[[Sound, Sound, Array, Segments], Segments] = lambda *_: ()
    """Takes deep in noise beside others that were found."""

    def align(
        self, dance: Sound, reference: Sound, hint: LineMap | None, progress: Progress | None
    ) -> MethodAlignment:
        """The answer for a whole dance, near a person's placing if there is one."""
        report = progress or (lambda _: None)
        reference_frames = self.extract(reference, 1.0, 1.0)
        report(0.4)
        if hint is not None:
            return self.at_hint(dance, reference, reference_frames, hint)
        pair = FramedPair(dance, reference, self.extract(dance, 1.0, 1.0), reference_frames)
        answer = self.at_speed(pair)
        report(0.7)
        level = levels(dance)
        left = gaps(dance, reference, level, answer.segments)
        if not answer.matched or incomplete(answer.segments, left):
            answer = better_of(answer, self.at_other_speed(pair))
        if not answer.matched and self.in_noise is not None:
            answer = self.in_noise(pair)
        # Waveforms that do not agree at the same speed are another key's, or another player's.
        if not answer.matched or answer.confidence_cap <= UNLOCKED_CONFIDENCE:
            answer = better_of(answer, self.in_other_key(pair))
        report(0.9)
        if answer.matched:
            answer = self.with_gaps_filled(answer, pair, level)
            faint = self.faint_takes(dance, reference, level, answer.segments)
            segments = without_fillings(level, (*answer.segments, *faint))
            answer = replace(answer, segments=separated(segments))
        report(1.0)
        return answer

    def at_hint(
        self, dance: Sound, reference: Sound, reference_frames: FeatureFrames, hint: LineMap
    ) -> MethodAlignment:
        """The best answer near a person's placing; other keys are tried when nothing fits."""
        pitches = [1.0] if abs(hint.speed - 1) < SAME_PITCH_RATIO else [hint.speed, 1.0]
        for tries in (pitches, [key.pitch for key in KEYS]):
            frames = (self.extract(dance, hint.speed, pitch) for pitch in tries)
            pairs = (FramedPair(dance, reference, own, reference_frames) for own in frames)
            found = ((*self.near(pair, hint.offset), pair) for pair in pairs)
            score, offset, pair = max(found, key=lambda one: one[0])
            if score >= HINT_SIGMAS:
                return refined(self.at_place(pair, offset, score))
        return as_given(self.name, dance, reference, hint)

    def near(self, pair: FramedPair, offset: float) -> tuple[float, float]:
        """How far above chance the best offset within ``REACH_SECONDS`` of one is; that offset."""
        per_second = pair.dance_frames.per_second
        line, reach = Line(offset * per_second), round(REACH_SECONDS * per_second)
        low, high = pair.overlap(line)
        if high - low < per_second:
            return 0.0, offset
        curve = pair.products(line, low, high, reach).sum(axis=1)
        sigma = float(np.sqrt(np.square(self.chance(pair, low, high)).sum())) + 1e-6
        top = int(curve.argmax())
        return float(curve[top]) / sigma, (line.lag + top - reach) / per_second

    def at_other_speed(self, pair: FramedPair) -> MethodAlignment:
        """The answer at the best other speed at which there is one."""
        trials = moved_and_kept(self.speeds)
        for peak in self.search(pair.dance, pair.reference, trials)[:MAX_SPEEDS]:
            if peak.stands_out(self.speed_sigmas):
                finer = replace(peak, speed=self.finer_speed(pair, peak))
                answer = self.at_trial(pair, finer)
                if answer.matched:
                    return answer
        return unmatched(self.name)

    def in_other_key(self, pair: FramedPair) -> MethodAlignment:
        """The answer at the same speed in the best other key, whose segments say which."""
        for peak in self.search(pair.dance, pair.reference, KEYS)[:1]:
            if peak.stands_out(self.speed_sigmas):
                return self.at_trial(pair, replace(peak, speed=1.0))  # it was found by a slant
        return unmatched(self.name)

    def at_trial(self, pair: FramedPair, trial: Trial) -> MethodAlignment:
        """The answer at another speed and key."""
        frames = self.extract(pair.dance, trial.speed, trial.pitch)
        return self.at_speed(replace(pair, dance_frames=frames))

    def with_gaps_filled(
        self, answer: MethodAlignment, pair: FramedPair, level: Array
    ) -> MethodAlignment:
        """An answer with the takes at other speeds in its gaps; it is no surer than any of them."""
        for low, high in gaps(pair.dance, pair.reference, level, answer.segments)[:MAX_GAPS]:
            piece = self.at_other_speed(replace(pair, dance=part_of(pair.dance, low, high)))
            found = [segment.shifted(low) for segment in piece.segments]
            found = [s for s in found if is_own_take(level, s, answer.segments)]
            if found and self.worth_adding(piece):
                answer = replace(
                    answer,
                    segments=(*answer.segments, *found),
                    confidence=min(answer.confidence, piece.confidence),
                    sharp_limits=answer.sharp_limits | {time + low for time in piece.sharp_limits},
                )
        return answer

    def worth_adding(self, piece: MethodAlignment) -> bool:
        """Whether a take in a gap is one.

        It may be surely heard and have a rival, where the song comes back nearly alike: to leave
        it out would say that nothing is there. What lacks a part of the reference is only a loop.
        """
        surely_heard = piece.score >= self.heard_sigmas and piece.confidence_cap >= SURE_CONFIDENCE
        return piece.confidence >= SURE_CONFIDENCE or surely_heard


def as_given(method: str, dance: Sound, reference: Sound, hint: LineMap) -> MethodAlignment:
    """The answer that is just the hint, whose error is the hint's reach: nothing was found to
    refine it by."""
    low, high = hint.overlap(duration(dance), duration(reference))
    if high <= low:  # no common time: still a person's word, over the whole dance
        low, high = 0.0, duration(dance)
    pitch_moved = abs(hint.speed - 1) > SAME_PITCH_RATIO
    return MethodAlignment(
        method=method,
        matched=True,
        confidence=0.5,
        segments=(Segment(low, high, hint.offset, hint.speed, pitch_moved=pitch_moved),),
        error_ms=REACH_SECONDS * 1000,
        refined=False,
    )


def refined(answer: MethodAlignment) -> MethodAlignment:
    """An answer near a hint: a person said where, so it is the one place there is."""
    return replace(
        answer,
        matched=True,
        ambiguous=False,
        confidence=max(answer.confidence, 0.9),
        confidence_cap=1.0,
        candidates=(),
        reason=None,
        refined=True,
    )


def unmatched(method: str, evidence: Evidence | None = None) -> MethodAlignment:
    """An answer without a match."""
    evidence = evidence or Evidence()
    return MethodAlignment(method=method, reason=reasons.NO_SHARED_MUSIC, evidence=evidence)


def better_of(answer: MethodAlignment, other: MethodAlignment) -> MethodAlignment:
    """The answer at another speed or key where it has clearly more evidence, else the one."""
    return other if other.matched and other.weight > REPLACE_RATIO * answer.weight else answer


def curve_evidence(
    curve: Array, zero: int, per_second: float, details: Mapping[str, float]
) -> Evidence:
    """A curve over lags (frames, column ``zero`` is lag 0) in a few hundred points for a plot."""
    used = np.flatnonzero(curve)
    points = np.arange(used[0], used[-1] + 1) if len(used) else np.zeros(1, np.int64)
    parts = np.array_split(points, min(MAX_POINTS, len(points)))
    places = [int(part[int(curve[part].argmax())]) for part in parts]
    peak = float(curve.max()) + 1e-9
    return Evidence(
        tuple((place - zero) / per_second for place in places),
        tuple(float(curve[place]) / peak for place in places),
        details,
    )
