"""Other people's aligners, each behind the same small loop, run as a process of its own.

``python benchmarks/alignment/peers.py NAME`` reads one JSON object a line from standard input,
``{"dance": path, "reference": path}`` (WAV files), and answers with one a line: ``offset``
(``reference_time = dance_time + offset``, seconds), ``accepted``, ``cpu`` (seconds, children
included) and ``rss`` (bytes, the most so far). It imports nothing of the project, since it runs
under the peers' own Python (see ``requirements.txt`` here).

The two that are not packages are whole-file cross-correlation and GCC-PHAT (Knapp and Carter,
"The generalized correlation method for estimation of time delay", 1976).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

Answer = tuple[float, bool]
"""Offset in seconds, and whether the peer's own rule accepts it."""
Peer = Callable[[str, str], Answer]

SYNCSTART_SECONDS = 600
"""How much of the files syncstart is made to look at (by default 20 s)."""
MIN_STANDARD_SCORE = 10.0
"""The least standard score that audio-offset-finder's documentation calls reliable."""


def audio_offset_finder(dance: str, reference: str) -> Answer:
    """BBC R&D's: correlation of mel-frequency cepstral coefficients, 16 ms frames."""
    from audio_offset_finder.audio_offset_finder import (  # type: ignore[import-not-found]
        InsufficientAudioException,
        find_offset_between_files,
    )

    try:
        found = find_offset_between_files(reference, dance)
    except InsufficientAudioException:
        return 0.0, False
    return float(found["time_offset"]), bool(found["standard_score"] >= MIN_STANDARD_SCORE)


def audalign(dance: str, reference: str) -> Answer:
    """audalign's correlation of the waveforms at 8 kHz; what it lists first is its answer."""
    import audalign as package  # type: ignore[import-not-found]

    recognizer = package.CorrelationRecognizer()
    recognizer.config.multiprocessing = False
    found = package.recognize(dance, reference, recognizer)
    if not found:
        return 0.0, False
    match = next(iter(found["match_info"].values()))
    return float(match["offset_seconds"][0]), True


def syncstart(dance: str, reference: str) -> Answer:
    """syncstart's correlation of the waveforms, over the whole files."""
    import matplotlib as plots  # type: ignore[import-not-found]

    plots.use = lambda *_args, **_kwargs: None  # it asks for a window system on import
    import syncstart as package  # type: ignore[import-not-found]

    package.get_max_rate = lambda *_files: 16_000  # it would call ffprobe
    sys.argv = ["syncstart"]
    file, offset = package.file_offset(
        in1=dance, in2=reference, begin=0, take=SYNCSTART_SECONDS, video=False, crop=False,
        quiet=True, show=False, normalize=False, denoise=False, lowpass=0,
    )  # fmt: skip
    return float(offset if file == reference else -offset), True


def correlation(dance: str, reference: str) -> Answer:
    """Cross-correlation of the whole waveforms at 8 kHz."""
    return _whole(dance, reference, whiten=False), True


def gcc_phat(dance: str, reference: str) -> Answer:
    """GCC-PHAT of the whole files at 8 kHz: only the phase of the cross-spectrum is kept."""
    return _whole(dance, reference, whiten=True), True


def _whole(dance: str, reference: str, *, whiten: bool) -> float:
    from scipy import fft

    ours, rate = _read(dance)
    theirs, _ = _read(reference)
    size = fft.next_fast_len(len(ours) + len(theirs), real=True)
    cross = fft.rfft(theirs, size) * np.conj(fft.rfft(ours, size))
    if whiten:
        cross /= np.maximum(np.abs(cross), 1e-9 * np.abs(cross).max() + 1e-30)
    curve = fft.irfft(cross, size)
    peak = int(np.argmax(curve if whiten else np.abs(curve)))
    return (peak if peak < len(theirs) else peak - size) / rate


def _read(path: str) -> tuple[np.ndarray[Any, np.dtype[np.float64]], int]:
    from scipy import signal
    from scipy.io import wavfile

    rate, samples = wavfile.read(path)
    return signal.resample_poly(samples / 32768, 8000, rate), 8000


PEERS: dict[str, Peer] = {
    "audio-offset-finder": audio_offset_finder,
    "audalign": audalign,
    "syncstart": syncstart,
    "correlation": correlation,
    "gcc-phat": gcc_phat,
}
PACKAGED: tuple[Literal["audio-offset-finder", "audalign", "syncstart"], ...] = (
    "audio-offset-finder",
    "audalign",
    "syncstart",
)


def processor_seconds() -> float:
    """Processor time of this process and of its children that have ended (seconds)."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def peak_bytes() -> int:
    """The most memory this process or one of its children has had (bytes).

    Its own from ``VmHWM``: ``ru_maxrss`` would begin with what the parent had when it forked.
    """
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    status = Path("/proc/self/status").read_text()
    own = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return max(int(own.split()[1]), children) * 1024


def main() -> None:
    """Answers requests until standard input ends."""
    peer = PEERS[sys.argv[1]]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a peer or its ffmpeg prints must not mix with the answers
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.suppress(ImportError):
            import imageio_ffmpeg

            (Path(folder) / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
            os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
        for line in sys.stdin:
            request = json.loads(line)
            before = processor_seconds()
            answer: dict[str, Any] = {}
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    offset, accepted = peer(request["dance"], request["reference"])
                answer = {"offset": offset, "accepted": accepted and bool(np.isfinite(offset))}
            except (Exception, SystemExit) as error:  # noqa: BLE001  (a peer's failure is a result)
                answer = {"offset": 0.0, "accepted": False, "failure": repr(error)[:300]}
            answer |= {"cpu": processor_seconds() - before, "rss": peak_bytes()}
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
