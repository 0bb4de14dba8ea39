"""The v2 method: one fast search by onset bits, waveforms for the exact place.

Chunks of onset bits give candidates; phase correlation places them to the sample. Where
bits say nothing (deep noise), the waveform itself is searched through the whole file.
"""

from __future__ import annotations

import numpy as np

from pipeline.align.shared.feature_frames import SAME_PITCH, FeatureFrames, FramedPair
from pipeline.align.shared.hint import REACH, Hint, as_given, refined
from pipeline.align.shared.segments import in_key, separated
from pipeline.align.shared.signal import duration
from pipeline.align.shared.speeds import SEMITONES, SpeedPeak
from pipeline.align.shared.whole_dance import Estimator, ignore_progress
from pipeline.align.v2.answer import CHANCE, HEARD, LOCKED, NAME, answer, free_span, on_grid, placed
from pipeline.align.v2.faint_takes import faint_takes
from pipeline.align.v2.fit import fit_bits
from pipeline.align.v2.onset_bits import PER_SECOND, extract
from pipeline.align.v2.phase import deep_search, fit_phase
from pipeline.align.v2.search import Guess, along, by_second, guesses
from pipeline.align.v2.takes import EvidenceLine, Take, evidence_line, peel_takes
from pipeline.align.v2.tempo import search_key, search_speed
from pipeline.model import Evidence, MethodAlignment, Progress, Sound

HINT_SIGMAS = 5.5
"""Agreement over chance from which there is something to refine by."""
DRIFT = 6e-4
"""The largest drift between two clocks."""
MAX_LINES, CLOSE_LINES = 8, 4
"""Lines that are followed, and of these how many may only come close to the best in their chunk."""
CLOSE_SHARE, BEST_SHARE = 0.75, 0.9
"""Share of its best rival's score that a guess needs among the first lines, and later."""
SAME_LINE_FRAMES = 12


def lines_of(pair: FramedPair, found: list[Guess]) -> list[EvidenceLine]:
    """Lines through the guesses that win in their chunk, fitted by phase where possible."""
    lines: list[EvidenceLine] = []
    for guess in found:
        if len(lines) == MAX_LINES:
            break
        close = CLOSE_SHARE if len(lines) < CLOSE_LINES else BEST_SHARE
        if guess.score < max(CHANCE, close * guess.next_score):
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
        start, stop = (max(t, 0) / PER_SECOND / pair.speed for t in (guess.start, guess.stop))
        span = start, min(stop, duration(pair.dance))
        rough = lag / PER_SECOND, pair.speed
        line = fit_phase(pair.dance, pair.reference, *rough, *span, slack=DRIFT)
        if line.height >= LOCKED:
            lag, drift = line.offset * PER_SECOND, line.speed / pair.speed - 1
            return on_grid(pair, lag, drift, line.height)
    low, high = max(0, round(-lag)), min(frames.count, round(reference.count - lag))
    start, stop = max(guess.start, low), min(guess.stop, high)
    if stop - start > PER_SECOND:
        lag, drift = fit_bits(
            frames, reference, lag, drift, start, stop, slack=2 * DRIFT, limits=(low, high)
        )
    return evidence_line(frames, reference, lag, drift, height)


def v2(
    dance: Sound, reference: Sound, *, hint: Hint | None = None, progress: Progress | None = None
) -> MethodAlignment:
    """Aligns by onset bits and phase; see ``docs/alignment.md``."""
    report = progress or ignore_progress
    reference_frames = extract(reference)
    report(0.4)
    if hint is not None:
        return at_hint(dance, reference, reference_frames, hint)
    return ESTIMATOR.align(dance, reference, reference_frames, report)


def at_speed(pair: FramedPair) -> MethodAlignment:
    """The answer at one speed."""
    return answer(pair, lines_of(pair, guesses(pair.dance_frames, pair.reference_frames)))


def in_noise(pair: FramedPair) -> MethodAlignment:
    """The answer at the same speed by waveform alone."""
    frames = pair.dance_frames, pair.reference_frames
    return answer(
        pair,
        [
            evidence_line(*frames, fit.offset * PER_SECOND, fit.speed - 1, fit.height)
            for fit in deep_search(pair.dance, pair.reference)
        ],
    )


def finer_speed(dance: Sound, reference: FeatureFrames, peak: SpeedPeak) -> float:
    """The speed of a peak after fitting its chunk, where enough of it lies in the reference."""
    frames = extract(dance, peak.speed, peak.speed if peak.moved else 1.0)
    lag, per_second = peak.offset * PER_SECOND, PER_SECOND * peak.speed
    start = max(round(peak.start * per_second), round(-lag), 0)
    stop = min(round(peak.stop * per_second), round(reference.count - lag), frames.count)
    if stop - start < 2 * PER_SECOND:
        return peak.speed
    _, drift = fit_bits(frames, reference, lag, 0.0, start, stop, slack=4e-3)
    return peak.speed * (1 + drift)


ESTIMATOR = Estimator(
    NAME,
    extract,
    at_speed,
    search_speed,
    search_key,
    speed_sigmas=4.6,  # chance comes to 3.9
    heard_sigmas=HEARD,
    finer_speed=finer_speed,
    in_noise=in_noise,
    faint_takes=faint_takes,
)


def at_hint(
    dance: Sound, reference: Sound, reference_frames: FeatureFrames, hint: Hint
) -> MethodAlignment:
    """The answer near a person's placing."""
    frames, lag = refine_near_hint(dance, reference_frames, hint)
    if lag is None:
        return as_given(NAME, dance, reference, hint)
    pair = FramedPair(dance, reference, frames, reference_frames)
    low, high = max(0, round(-lag)), min(frames.count, round(reference_frames.count - lag))
    line = followed(pair, Guess(lag, low, high, CHANCE, 0.0))
    takes = peel_takes(frames, reference_frames, [line])
    takes = takes or [Take(line, *line.limits(frames, reference_frames), CHANCE)]
    placings = [
        placed(pair, take, free_span(takes, index, pair.speed)) for index, take in enumerate(takes)
    ]
    segments = in_key(separated([segment for segment, _, _ in placings]), frames)
    locked = all(line.height >= LOCKED for _, line, _ in placings)
    return refined(
        MethodAlignment(
            NAME, matched=True, ambiguous=False, confidence=0.9, segments=segments,
            error_ms=1.0 if locked else 15.0, evidence=Evidence(),
        )
    )  # fmt: skip


def best_lag(dance: FeatureFrames, reference: FeatureFrames, offset: float) -> tuple[float, float]:
    """The lag (frames) within reach at which most bits agree, and how far above chance."""
    reach = int(REACH * PER_SECOND)
    best = (0.0, 0.0)
    for step in range(-reach, reach + 1):
        lag = offset * PER_SECOND + step
        seconds = by_second(along(dance, reference, lag, 0.0))
        used = np.count_nonzero(seconds)
        score = float(seconds.sum() / np.sqrt(used)) if used else 0.0
        if score > best[1]:
            best = (lag, score)
    return best


def refine_near_hint(
    dance: Sound, reference: FeatureFrames, hint: Hint
) -> tuple[FeatureFrames, float | None]:
    """Bits at the hint's speed, and the best lag within its reach; None when nothing fits."""
    pitches = [1.0] if abs(hint.speed - 1) < SAME_PITCH else [hint.speed, 1.0]
    for tries in (pitches, [2 ** (key / 12) for key in SEMITONES]):
        frames = (extract(dance, hint.speed, pitch) for pitch in tries)
        found = [(best_lag(bits, reference, hint.offset), bits) for bits in frames]
        (lag, score), bits = max(found, key=lambda item: item[0][1])
        if score >= HINT_SIGMAS:
            return bits, lag
    return bits, None
