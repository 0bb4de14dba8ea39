"""Whether a take stands: how far it is above chance, and above the next best place.

"A peak no better than the next is no match": on rhythmic music of one tempo, wrong places
correlate well above chance, but all beats do so alike; the right place, whitened, stands
clear of them. Where the music repeats, two places stand clear of all others together,
which is ambiguous and said so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pipeline.align.modular.features import FRAMES_PER_SECOND
from pipeline.align.modular.fit import by_seconds, evidence, fit_stretch
from pipeline.align.modular.notes import TonalMatch
from pipeline.align.modular.search import APART_FRAMES, HOP_FRAMES, WINDOW_FRAMES, correlate
from pipeline.align.shared.confidence import MAX_CONFIDENCE, Logistic, Ramp
from pipeline.align.shared.takes import Take
from pipeline.align.shared.whole_dance import curve_evidence
from pipeline.align.sounds.correlation import stacked
from pipeline.align.sounds.feature_frames import FramedPair, Line
from pipeline.align.sounds.signal import highest_places
from pipeline.model import Evidence

CHANCE_SIGMAS, MIN_SIGMAS = 4.6, 5.2
"""The score up to which unrelated sounds come, and from which a take stands."""
RIVAL_SHARE, ROUGH_SHARE = 0.6, 0.1
"""Share of the best in the curve from which another place is looked at closely; by how much the
curve may have its share too low."""
CLEAR_SHARE = 0.80
"""A next place up to this share of the best leaves a clear winner."""
EQUAL_SHARE = 0.90
"""A next place from this share on is as good."""
CLEARNESS = Ramp((CLEAR_SHARE, EQUAL_SHARE), (1.0, 0.5))
"""Over the next place's share of the best."""
HEIGHT = Logistic(middle=6.2, slope=1.6)
"""Over the score. Chosen; 102 right answers and no wrong one neither confirm nor refute it
(``python -m benchmarks.rules.calibrate``)."""
TONAL_SIGMAS, NOTES_RHO = 5.0, 0.15
"""Sigmas and coefficient of the tonal match from which notes are said to agree."""
SAME_NOTES_RHO = 0.4
"""Coefficient from which they agree whatever the sigmas, which a loop that comes again and again
keeps low: loops of songs come to 0.7, of drums alone to 0.45, in a loud room; two songs over the
same drums to 0.2, and to 0.38 where the drums are 12 dB louder than the songs."""
MAX_WINDOWS = 24
"""Windows of a take that are looked at."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is to be thought of one take."""

    matched: bool = False
    ambiguous: bool = False
    confidence: float = 0.0
    score: float
    """Standard deviations of chance."""
    places: tuple[tuple[float, float], ...] = ()
    """Lags of the best places in frames, with their evidence relative to the best's."""
    tonal_rho: float = 0.0
    """The tonal match's coefficient."""
    evidence: Evidence = field(default_factory=Evidence)


def judge_take(pair: FramedPair, take: Take, tonal: TonalMatch) -> Verdict:
    """The verdict on one take."""
    length = min(WINDOW_FRAMES, take.stop - take.start)
    last = take.stop - length
    number = max(min(MAX_WINDOWS, (last - take.start) // HOP_FRAMES + 1), 1)
    starts = np.rint(np.linspace(take.start, last, number)).astype(int).tolist()
    curve, zero = stacked(pair, take.line, starts, length, correlate)
    lag = round(take.line.lag) + zero
    near = slice(max(lag - 3, 0), lag + 4)
    score = float(curve[near].max(initial=0.0))
    if score < CHANCE_SIGMAS:
        return Verdict(score=score)
    mine = float(by_seconds(*evidence(pair, take.line)).sum())
    places: list[tuple[float, float]] = [(float(take.line.lag), 1.0)]
    for place in highest_places(curve, 12, APART_FRAMES):
        if abs(place - lag) <= APART_FRAMES or curve[place] < RIVAL_SHARE * score:
            continue
        other = Line(place - zero, take.line.drift)
        low, high = pair.overlap(other)
        low, high = max(low, take.start), min(high, take.stop)
        if high - low > WINDOW_FRAMES // 4:
            other = fit_stretch(pair, other, low, high, 1e-4)
        theirs = float(by_seconds(*evidence(pair, other)).sum())
        share = max(float(curve[place]) / score, 0.0)
        places.append((float(other.lag), min(share + ROUGH_SHARE, theirs / max(mine, 1e-6))))
    places[1:] = sorted(places[1:], key=lambda item: -item[1])
    ratio = places[1][1] if len(places) > 1 else 0.0
    ambiguous = ratio >= EQUAL_SHARE
    confidence = min(HEIGHT.at(score), CLEARNESS.at(ratio)) * MAX_CONFIDENCE
    notes = (tonal.sigmas >= TONAL_SIGMAS and tonal.rho >= NOTES_RHO) or tonal.rho >= SAME_NOTES_RHO
    matched = score > MIN_SIGMAS and (notes or ratio < CLEAR_SHARE)
    details = {"score": score, "next_ratio": ratio, "tonal_rho": tonal.rho}
    details["tonal_sigmas"] = tonal.sigmas
    return Verdict(
        matched=matched,
        ambiguous=ambiguous,
        confidence=min(confidence, 0.5) if ambiguous else confidence,
        score=score,
        places=tuple(p for i, p in enumerate(places) if i == 0 or p[1] >= CLEAR_SHARE),
        tonal_rho=tonal.rho,
        evidence=curve_evidence(curve, zero, FRAMES_PER_SECOND, details),
    )
