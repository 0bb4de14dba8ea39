"""Checks the known truth of the cases by measuring it, without any of the methods under test.

    python -m benchmarks.cases.truth --split fresh

Each segment of each case is compared with what its map says it should be: by phase correlation
where the waveform is kept, by onsets where it is not (pitch kept, covers) or lost in noise. A
room's reflections may make a sound late, never early. Prints a line a segment and, last, those
that do not hold. Cases to be rejected have no map and are passed over.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.cases import warp
from benchmarks.cases.case import Case
from benchmarks.cases.generate import generate
from benchmarks.cases.tracks import SPLITS
from pipeline.model import Samples, Segment

MIN_LAG_SECONDS, MAX_LAG_SECONDS, MAX_ONSET_LAG_SECONDS = -0.001, 0.045, 0.008
"""What may be measured: by phase from the first to the second, by onsets ± the third."""
BLUR_SECONDS = {"other_mix": 0.0065, "cover": 0.025}
"""By how much a chorus sways, and over how long a cover smears its onsets, by design."""
MIN_PEAK_SIGMAS = 8.0
"""By so many standard deviations a peak of the phase correlation has to stand out."""
MIN_LEVEL_RATIO = 0.05
"""Level of a shared stretch, as a part of the whole reference's, below which there is no music."""
MAX_DRIFT_RATIO = 0.0006
"""Speeds this near to 1 are clocks that drift."""


@dataclass(frozen=True)
class Check:
    """What was measured of one segment."""

    way: str
    """``phase``, ``onsets``, or ``unclear`` when neither shows anything."""
    lag: float
    """How late the dance is against its truth (seconds)."""
    level: float
    """Root mean square of the stretch in the reference, over that of the whole reference."""
    blur: float = 0.0
    """Seconds that the kind of case may be off by design."""

    @property
    def holds(self) -> bool:
        """Whether the truth agrees with what was measured, and there is music to find."""
        if self.level < MIN_LEVEL_RATIO:
            return False
        if self.way == "onsets":
            return abs(self.lag) <= max(MAX_ONSET_LAG_SECONDS, self.blur)
        return self.way == "phase" and MIN_LAG_SECONDS - self.blur <= self.lag <= MAX_LAG_SECONDS


def check(case: Case, segment: Segment) -> Check:
    """Measures one segment, at most its first minute."""
    rate = case.rate
    seconds = min(60.0, segment.dance_end - segment.dance_start)
    first = round(segment.dance_start * rate)
    recorded = case.dance[first : first + round(seconds * rate)]
    start = segment.speed * first / rate + segment.offset
    expected = warp.play(case.reference, rate, start, len(recorded) / rate, segment.speed)
    level = _rms(expected) / max(_rms(case.reference), 1e-9)
    blur = BLUR_SECONDS.get(case.kind, 0.0)
    lag, clear = warp.phase_lag(expected, recorded, rate)
    same_speed = abs(segment.speed - 1) < MAX_DRIFT_RATIO
    kept = case.kind != "cover" and (segment.pitch_moved or same_speed)
    kept = kept and not segment.semitones
    if kept and clear >= MIN_PEAK_SIGMAS:
        return Check("phase", lag, level, blur)
    try:
        source = case.reference[round(start * rate) :]
        late = warp.envelope_lag(
            source, recorded, rate, segment.speed, 2 ** (segment.semitones / 12)
        )
        return Check("onsets", late, level, blur)
    except ValueError:
        return Check("unclear", lag, level)


def _rms(x: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


def main(arguments: Sequence[str] | None = None) -> None:
    """Checks a split and prints what was measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cases.truth", description=__doc__)
    parser.add_argument("--split", choices=SPLITS, default="develop")
    parser.add_argument("--classes", nargs="+", help="only these kinds of cases")
    parser.add_argument("--limit", type=int, help="at most so many cases of a kind")
    options = parser.parse_args(arguments)
    ways: Counter[str] = Counter()
    doubtful = []
    for case in generate(options.split, options.classes, limit=options.limit):
        for number, segment in enumerate(case.truth or ()):
            found = check(case, segment)
            ways[found.way] += 1
            line = (
                f"{case.name:28} {number} {segment.speed:.4f} {found.way:8}"
                f" {1000 * found.lag:8.2f} ms, level {found.level:.2f}"
            )
            print(line, flush=True)
            if not found.holds:
                doubtful.append(line)
    print(f"\n{sum(ways.values())} segments: {dict(ways)}. {len(doubtful)} doubtful:")
    print("\n".join(doubtful))


if __name__ == "__main__":
    main()
