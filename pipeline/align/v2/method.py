"""The v2 method: a search by onset bits, waveforms for the exact place.

Chunks of onset bits give candidates; phase correlation places them to the sample. Where
bits say nothing (deep noise), the waveform itself is searched through the whole file.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.align.shared.segments import in_key, separated
from pipeline.align.shared.takes import free_span
from pipeline.align.shared.whole_dance import Estimator
from pipeline.align.sounds.feature_frames import FramedPair, Line
from pipeline.align.sounds.signal import duration
from pipeline.align.sounds.speeds import SpeedPeak
from pipeline.align.v2 import answer, tempo
from pipeline.align.v2.faint_takes import faint_takes
from pipeline.align.v2.fit import fit_bits
from pipeline.align.v2.onset_bits import FRAMES_PER_SECOND, extract
from pipeline.align.v2.phase import deep_search, fit_phase
from pipeline.align.v2.search import Guess, chance, guesses
from pipeline.align.v2.takes import EvidenceLine, evidence_line, peel_takes, whole_take
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
        if guess.score < max(answer.CHANCE_SIGMAS, close * guess.next_score):
            continue
        middle = (guess.start + guess.stop) / 2
        where = middle + guess.lag
        if all(abs(x.line.at(middle) - where) >= SAME_LINE_FRAMES for x in lines):
            lines.append(followed(pair, guess))
    return lines


def followed(pair: FramedPair, guess: Guess) -> EvidenceLine:
    """The line through a guess."""
    line = Line(guess.lag)
    if not pair.stretched:
        start, stop = (
            max(t, 0) / FRAMES_PER_SECOND / pair.speed for t in (guess.start, guess.stop)
        )
        span = start, min(stop, duration(pair.dance))
        found = fit_phase(pair.on(pair.map(line)), *span, slack=MAX_DRIFT)
        if found.height >= answer.LOCKED_SIGMAS:
            return answer.on_grid(pair, pair.line(found.line), found.height)
    low, high = pair.overlap(line)
    start, stop = max(guess.start, low), min(guess.stop, high)
    if stop - start > FRAMES_PER_SECOND:
        line = fit_bits(pair, line, (start, stop), (low, high), slack=2 * MAX_DRIFT)
    return evidence_line(pair, line, 0.0)


def at_speed(pair: FramedPair) -> MethodAlignment:
    """The answer at one speed."""
    return answer.answer(pair, lines_of(pair, guesses(pair.dance_frames, pair.reference_frames)))


def in_noise(pair: FramedPair) -> MethodAlignment:
    """The answer at the same speed by waveform alone."""
    found = deep_search(pair.dance, pair.reference)
    return answer.answer(
        pair, [evidence_line(pair, pair.line(fit.line), fit.height) for fit in found]
    )


def finer_speed(pair: FramedPair, peak: SpeedPeak) -> float:
    """The speed of a peak after fitting its chunk, where enough of it lies in the reference."""
    pair = replace(pair, dance_frames=extract(pair.dance, peak.speed, peak.pitch))
    line, per_second = Line(peak.offset * FRAMES_PER_SECOND), FRAMES_PER_SECOND * peak.speed
    low, high = pair.overlap(line)
    span = max(round(peak.start * per_second), low), min(round(peak.stop * per_second), high)
    if span[1] - span[0] < 2 * FRAMES_PER_SECOND:
        return peak.speed
    return peak.speed * (1 + fit_bits(pair, line, span, span, slack=4e-3).drift)


def at_place(pair: FramedPair, offset: float, score: float) -> MethodAlignment:
    """The answer at an offset that is known to be right."""
    lag = offset * FRAMES_PER_SECOND
    line = followed(pair, Guess(lag, *pair.overlap(Line(lag)), score, 0.0))
    takes = peel_takes(pair, [line]) or [whole_take(pair, line, score)]
    placings = [
        answer.placed(pair, take, free_span(pair, takes, index)) for index, take in enumerate(takes)
    ]
    segments = in_key(separated([segment for segment, _ in placings]), pair.dance_frames)
    error = max(
        answer.error_of(pair, take, exact) for take, (_, exact) in zip(takes, placings, strict=True)
    )
    return MethodAlignment(
        method=answer.NAME, matched=True, confidence=0.9, segments=segments, error_ms=error
    )


ESTIMATOR = Estimator(
    answer.NAME,
    extract,
    at_speed,
    tempo.search,
    tempo.SPEEDS,
    speed_sigmas=4.6,  # chance comes to 3.9
    heard_sigmas=answer.HEARD_SIGMAS,
    chance=chance,
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
