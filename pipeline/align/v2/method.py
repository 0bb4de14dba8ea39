"""The v2 method: a search by onset bits, waveforms for the exact place.

Chunks of onset bits give candidates; phase correlation places them to the sample. Where
bits say nothing (deep noise), the waveform itself is searched through the whole file.
"""

from __future__ import annotations

import numpy as np

from pipeline.align.shared.feature_frames import FeatureFrames, FramedPair
from pipeline.align.shared.hint import REACH_SECONDS
from pipeline.align.shared.segments import in_key, separated
from pipeline.align.shared.signal import duration
from pipeline.align.shared.speeds import SpeedPeak
from pipeline.align.shared.whole_dance import Estimator
from pipeline.align.v2.answer import (
    CHANCE_SIGMAS,
    HEARD_SIGMAS,
    LOCKED_SIGMAS,
    NAME,
    answer,
    error_of,
    free_span,
    on_grid,
    placed,
)
from pipeline.align.v2.faint_takes import faint_takes
from pipeline.align.v2.fit import fit_bits
from pipeline.align.v2.onset_bits import FRAMES_PER_SECOND, extract
from pipeline.align.v2.phase import deep_search, fit_phase
from pipeline.align.v2.search import Guess, along, by_second, guesses
from pipeline.align.v2.takes import EvidenceLine, Take, evidence_line, peel_takes
from pipeline.align.v2.tempo import search_key, search_speed
from pipeline.model import LineMap, MethodAlignment, Progress, Sound

MAX_DRIFT = 6e-4
"""The largest drift between two clocks."""
MAX_LINES, CLOSE_LINES = 8, 4
"""Lines that are followed, and of these how many may only come close to the best in their chunk."""
CLOSE_SHARE, BEST_SHARE = 0.75, 0.9
"""Share of its best rival's score that a guess needs among the first lines, and later."""
SAME_LINE_FRAMES = 12
"""Frames: a guess this near to a line is that line."""


def lines_of(pair: FramedPair, found: list[Guess]) -> list[EvidenceLine]:
    """Lines through the guesses that win in their chunk, fitted by phase where possible."""
    lines: list[EvidenceLine] = []
    for guess in found:
        if len(lines) == MAX_LINES:
            break
        close = CLOSE_SHARE if len(lines) < CLOSE_LINES else BEST_SHARE
        if guess.score < max(CHANCE_SIGMAS, close * guess.next_score):
            continue
        middle = (guess.start + guess.stop) / 2
        where = middle + guess.lag
        if all(abs(x.lag + middle * (1 + x.drift) - where) >= SAME_LINE_FRAMES for x in lines):
            lines.append(followed(pair, guess))
    return lines


def followed(pair: FramedPair, guess: Guess) -> EvidenceLine:
    """The line through a guess."""
    frames, reference, lag = pair.dance_frames, pair.reference_frames, guess.lag
    drift, height = 0.0, 0.0
    if not pair.stretched:
        start, stop = (
            max(t, 0) / FRAMES_PER_SECOND / pair.speed for t in (guess.start, guess.stop)
        )
        span = start, min(stop, duration(pair.dance))
        found = fit_phase(
            pair.on(LineMap(lag / FRAMES_PER_SECOND, pair.speed)), *span, slack=MAX_DRIFT
        )
        if found.height >= LOCKED_SIGMAS:
            exact = found.line.offset * FRAMES_PER_SECOND, found.line.speed / pair.speed - 1
            return on_grid(pair, *exact, found.height)
    low, high = max(0, round(-lag)), min(frames.count, round(reference.count - lag))
    start, stop = max(guess.start, low), min(guess.stop, high)
    if stop - start > FRAMES_PER_SECOND:
        lag, drift = fit_bits(
            frames, reference, lag, drift, start, stop, slack=2 * MAX_DRIFT, limits=(low, high)
        )
    return evidence_line(frames, reference, lag, drift, height)


def at_speed(pair: FramedPair) -> MethodAlignment:
    """The answer at one speed."""
    return answer(pair, lines_of(pair, guesses(pair.dance_frames, pair.reference_frames)))


def in_noise(pair: FramedPair) -> MethodAlignment:
    """The answer at the same speed by waveform alone."""
    frames = pair.dance_frames, pair.reference_frames
    return answer(
        pair,
        [
            evidence_line(
                *frames, fit.line.offset * FRAMES_PER_SECOND, fit.line.speed - 1, fit.height
            )
            for fit in deep_search(pair.dance, pair.reference)
        ],
    )


def finer_speed(dance: Sound, reference: FeatureFrames, peak: SpeedPeak) -> float:
    """The speed of a peak after fitting its chunk, where enough of it lies in the reference."""
    frames = extract(dance, peak.speed, peak.speed if peak.moved else 1.0)
    lag, per_second = peak.offset * FRAMES_PER_SECOND, FRAMES_PER_SECOND * peak.speed
    start = max(round(peak.start * per_second), round(-lag), 0)
    stop = min(round(peak.stop * per_second), round(reference.count - lag), frames.count)
    if stop - start < 2 * FRAMES_PER_SECOND:
        return peak.speed
    _, drift = fit_bits(frames, reference, lag, 0.0, start, stop, slack=4e-3)
    return peak.speed * (1 + drift)


def near(pair: FramedPair, offset: float) -> tuple[float, float]:
    """How far above chance the most bits agree within reach of an offset, and the offset there."""
    reach = int(REACH_SECONDS * FRAMES_PER_SECOND)
    best = (0.0, offset)
    for step in range(-reach, reach + 1):
        lag = offset * FRAMES_PER_SECOND + step
        seconds = by_second(along(pair.dance_frames, pair.reference_frames, lag, 0.0))
        used = np.count_nonzero(seconds)
        score = float(seconds.sum() / np.sqrt(used)) if used else 0.0
        best = max(best, (score, lag / FRAMES_PER_SECOND))
    return best


def at_place(pair: FramedPair, offset: float, score: float) -> MethodAlignment:
    """The answer at an offset that is known to be right."""
    frames, lag = (pair.dance_frames, pair.reference_frames), offset * FRAMES_PER_SECOND
    low, high = max(0, round(-lag)), min(frames[0].count, round(frames[1].count - lag))
    line = followed(pair, Guess(lag, low, high, score, 0.0))
    takes = peel_takes(*frames, [line]) or [Take(line, *line.limits(*frames), score)]
    placings = [
        placed(pair, take, free_span(takes, index, pair.speed)) for index, take in enumerate(takes)
    ]
    segments = in_key(separated([segment for segment, _, _ in placings]), frames[0])
    error = max(error_of(pair, t, exact) for t, (_, exact, _) in zip(takes, placings, strict=True))
    return MethodAlignment(
        method=NAME, matched=True, confidence=0.9, segments=segments, error_ms=error
    )


ESTIMATOR = Estimator(
    NAME,
    extract,
    at_speed,
    search_speed,
    search_key,
    speed_sigmas=4.6,  # chance comes to 3.9
    heard_sigmas=HEARD_SIGMAS,
    near=near,
    at_place=at_place,
    finer_speed=finer_speed,
    in_noise=in_noise,
    faint_takes=faint_takes,
)


def v2(
    dance: Sound, reference: Sound, *, hint: LineMap | None = None, progress: Progress | None = None
) -> MethodAlignment:
    """Aligns by onset bits and phase; see ``docs/alignment.md``."""
    return ESTIMATOR.align(dance, reference, hint, progress)
