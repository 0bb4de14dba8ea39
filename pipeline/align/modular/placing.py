"""Placing the takes of the modular method: exact lines, how far they go, which are echoes."""

from __future__ import annotations

from pipeline.align.modular.arrival import Exact, refine
from pipeline.align.modular.coverage import LACKING_SHARE, WHOLE_SHARE, missing_share
from pipeline.align.modular.features import FRAMES_PER_SECOND
from pipeline.align.modular.fit import UNKNOWN_FRAMES, tops
from pipeline.align.modular.limits import limited
from pipeline.align.modular.takes import Track, track
from pipeline.align.shared.takes import Take, segment_of
from pipeline.align.sounds.feature_frames import FramedPair, Line
from pipeline.align.sounds.line_error import frames_off
from pipeline.model import LineMap, Segment

SHARPEST_MS, STRETCHED_MS = 0.6, 8.0
"""Milliseconds by which a line of matching waveforms (half the period of what a room lets through)
and one of features (the length of a stretched onset) may be off, however well they agree."""
LATE_SECONDS = 0.003
"""Seconds after which an arrival is another one, and not a part of the same."""
SHORT_TAKE_SECONDS = 20.0
"""Seconds of a take that tells nothing certain about drift."""


def placed(pair: FramedPair, rough: Segment) -> Exact | None:
    """The exact line of a take. A short one shows its drift badly: there the line without
    drift through its middle is taken unless another is clearly better."""
    start, stop = rough.dance_start, rough.dance_end
    exact = refine(pair.on(rough.line), start, stop, slack=4e-4)
    if stop - start >= SHORT_TAKE_SECONDS:
        return exact
    middle = (start + stop) / 2
    offset = rough.offset + (rough.speed - pair.speed) * middle
    level = pair.on(LineMap(offset, pair.speed))
    plain = refine(level, start, stop, slack=6e-4)
    steady = refine(level, start, stop, slack=0.0)
    found = [(e.height * w, e) for e, w in ((steady, 1.25), (plain, 1.0), (exact, 1.0)) if e]
    return max(found, key=lambda item: item[0])[1] if found else None


def error_of(pair: FramedPair, take: Take, exact: Exact | None) -> tuple[float, float]:
    """Error bound of a take's line (ms), and the bound if the detected arrival is a side lobe.

    With waveforms, the scatter of the take's parts about the line, and ``SHARPEST_MS``. An arrival
    before the strongest may be a side lobe, which only another method's answer can rule out:
    until then the strongest may be the direct sound. Without waveforms, the scatter of blocks of
    features, and what time stretchers do to onsets.
    """
    if exact is None:
        middles, late, _ = tops(pair, take.line, take.start, take.stop)
        frames = frames_off(middles, late, take.stop, UNKNOWN_FRAMES)
        error = STRETCHED_MS + 1000 * frames / FRAMES_PER_SECOND
        return error, error
    error = SHARPEST_MS + 1000 * exact.error
    return error, error + (1000 * exact.early if exact.early > LATE_SECONDS else 0.0)


def sharpened(pair: FramedPair, lines: list[Track], takes: list[Take]) -> list[Track]:
    """The lines of long takes with the drift that waveforms show, and their evidence anew.

    A drift that is off by 100 millionths loses the line a minute further on, where a repeat of
    the song then looks better.
    """
    result = list(lines)
    for index, known in enumerate(lines):
        own = [take for take in takes if take.line == known.line]
        take = max(own, key=lambda t: t.stop - t.start, default=None)
        if take is None or take.stop - take.start < SHORT_TAKE_SECONDS * FRAMES_PER_SECOND:
            continue
        exact = placed(pair, segment_of(pair, take))
        if exact is not None:
            drift = exact.line.speed / pair.speed - 1
            lag = known.line.lag + (known.line.drift - drift) * (take.start + take.stop) / 2
            result[index] = track(pair, Line(lag, drift))
    return result


def drop_takes_missing_music(pair: FramedPair, takes: list[Take]) -> tuple[list[Take], list[Take]]:
    """The takes, and those of them in which nothing of the reference is missing.

    Where there are such, others that lack much of the reference are left out: however long an
    echo of a repetitive song is, a short take in which nothing is missing is better evidence.
    """
    missing: dict[Take, float | None] = dict.fromkeys(takes)
    for take in takes:
        rough = segment_of(pair, take)
        if (exact := placed(pair, rough)) is not None:
            on = pair.on(exact.line)
            missing[take] = missing_share(on, limited(on, rough.on(exact.line))[0])
    certain = [
        take for take, share in missing.items() if share is not None and share <= WHOLE_SHARE
    ]
    if not certain:
        return takes, []
    return [t for t, share in missing.items() if share is None or share < LACKING_SHARE], certain
