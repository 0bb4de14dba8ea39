"""How loud the reference is, by EBU R 128 (ITU-R BS.1770-4), measured once.

ffmpeg's ``ebur128`` gives the integrated loudness and the true peak while the reference is
decoded for the alignment; the result gets one static gain from them (``pipeline.pieces``), so
that the music's dynamics stay.
"""

from __future__ import annotations

import math
from pathlib import Path

from pipeline.plan import Loudness

GATE = -69.5
"""The measure's own floor is -70 LUFS: nothing passed its gate (LUFS)."""


def measuring(name: str) -> str:
    """The filters that measure and write what they found into the file ``name`` (a plain name
    in the working folder, since a path would need escaping)."""
    return f"ebur128=peak=true:metadata=1:framelog=quiet,ametadata=mode=print:file={name}"


def read_measure(path: Path) -> Loudness | None:
    """The whole track's values from what ``measuring`` wrote; None when nothing was loud
    enough to be measured. The values accumulate, so the last ones count."""
    integrated, peak = -math.inf, 0.0
    with path.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            key, _, value = line.strip().partition("=")
            if key == "lavfi.r128.I":
                integrated = float(value)
            elif key.startswith("lavfi.r128.true_peaks_ch"):
                peak = max(peak, float(value))
    if integrated < GATE or peak <= 0:
        return None
    return Loudness(integrated=integrated, true_peak=20 * math.log10(peak))
