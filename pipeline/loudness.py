"""How loud the reference is, by EBU R 128 (ITU-R BS.1770-4), measured once.

One pass of ffmpeg's ``ebur128`` gives the integrated loudness and the true peak; the result
gets one static gain from them (``pipeline.planning``), so that the music's dynamics stay.
"""

from __future__ import annotations

import math
from pathlib import Path

from pipeline import ffmpeg, reasons
from pipeline.media import MediaInfo
from pipeline.model import Progress
from pipeline.plan import Loudness
from pipeline.probe import refuse
from pipeline.settings import Settings

GATE = -69.5
"""The measure's own floor is -70 LUFS: nothing passed its gate (LUFS)."""


def measure(
    path: Path,
    info: MediaInfo,
    stream: int,
    *,
    settings: Settings,
    progress: Progress | None = None,
) -> Loudness | None:
    """The loudness of track ``stream``, or None when it is too quiet to be measured.

    Raises ``InputError`` (``unreadable``) when the track cannot be decoded.
    """
    arguments = [
        *("-nostdin", "-vn", "-sn", "-dn", "-t", str(settings.max_duration + 60)),
        *ffmpeg.input_arguments(path, max_streams=settings.max_streams),
        *("-map", f"0:{stream}"),
        *("-af", "ebur128=peak=true:metadata=1:framelog=quiet,ametadata=mode=print:file=-"),
        *("-f", "null", "-"),
    ]
    values: dict[str, float] = {}
    peak = 0.0
    try:
        with ffmpeg.process(arguments) as lines:
            for line in lines:
                key, _, value = line.decode("ascii", "replace").strip().partition("=")
                if key == "lavfi.r128.I":
                    values["integrated"] = float(value)
                elif key.startswith("lavfi.r128.true_peaks_ch"):
                    peak = max(peak, float(value))
                elif key.startswith("frame:") and progress is not None:
                    _, _, at = (key + "=" + value).rpartition("pts_time:")
                    progress(min(1.0, max(0.0, _number(at) / max(info.duration, 1e-3))))
    except ffmpeg.FfmpegError as error:
        raise refuse(
            reasons.UNREADABLE,
            info.role,
            "has sound that cannot be decoded; export it again",
            detail=str(error),
        ) from error
    integrated = values.get("integrated")
    if integrated is None or integrated < GATE or peak <= 0:
        return None
    return Loudness(integrated=integrated, true_peak=20 * math.log10(peak))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0  # a frame without a time stamp says "NOPTS"; it only moves the progress bar
