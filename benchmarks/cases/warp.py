"""Changes of time: speed with the pitch moved or kept, clock drift, codecs; with a true map.

Resampling follows a map given sample by sample. Time stretching and codecs are other people's
(ffmpeg's), whose delay is measured on the very sound and taken out, never assumed.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Literal

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

from pipeline.model import Samples

Engine = Literal["rubberband", "atempo"]
Codec = Literal["aac64", "aac24", "opus24", "amr"]

OVERSAMPLING = 8


def resample_at(x: Samples, positions: NDArray[np.float64], steepest: float = 1.0) -> Samples:
    """``x`` at fractional sample positions (zeros outside).

    Band-limited eightfold interpolation, then cubic (Catmull-Rom): errors are below -80 dB of
    anything under a third of the rate. ``steepest`` is the largest step between positions; above
    1 the sound is first low-passed so that nothing folds back.
    """
    first = int(max(0, np.floor(positions.min()) - 64))
    last = int(min(len(x), np.ceil(positions.max()) + 64))
    if last <= first:
        return np.zeros(len(positions), dtype=np.float32)
    part = x[first:last].astype(np.float64)
    if steepest > 1:
        taps = signal.firwin(511, 0.97 / steepest)
        part = signal.fftconvolve(part, taps, mode="same")
    fine = signal.resample_poly(part, OVERSAMPLING, 1)
    at = (positions - first) * OVERSAMPLING
    whole = np.floor(at).astype(np.int64)
    f = at - whole
    inside = (positions >= 0) & (positions <= len(x) - 1)
    padded = np.pad(fine, 3)
    index = np.clip(whole, -1, len(fine)) + 3
    a, b, c, d = (padded[np.clip(index + k, 0, len(padded) - 1)] for k in (-1, 0, 1, 2))
    cubic = b + 0.5 * f * (c - a + f * (2 * a - 5 * b + 4 * c - d + f * (3 * (b - c) + d - a)))
    return np.where(inside, cubic, 0).astype(np.float32)


def play(x: Samples, rate: int, start: float, seconds: float, speed: float = 1.0) -> Samples:
    """``x`` played from ``start`` (seconds) ``speed`` times as fast, the pitch moved with it.

    Sample ``n`` of the answer is ``x`` at the time ``start + speed * n / rate``.
    """
    count = round(seconds * rate)
    return resample_at(x, (start + speed * np.arange(count) / rate) * rate, speed)


def stretch(
    x: Samples, rate: int, start: float, seconds: float, speed: float,
    engine: Engine = "rubberband", semitones: float = 0.0,
) -> Samples:  # fmt: skip
    """Like ``play`` with the pitch kept; ffmpeg's filter's delay is measured and removed.

    ``semitones`` moves the pitch by itself: by rubberband, or by another sampling rate whose
    change of tempo atempo takes back.
    """
    pitch = 2 ** (semitones / 12)
    margin = 3.0
    first = max(0.0, start - margin * speed)
    last = min(len(x) / rate, start + (seconds + margin) * speed)
    source = x[int(first * rate) : int(last * rate)]
    head = (start - int(first * rate) / rate) / speed
    if engine == "rubberband":
        option = f"rubberband=tempo={speed:.9f}:pitch={pitch:.9f}"
    else:
        raised = round(rate * pitch)
        option = f"asetrate={raised},aresample={rate},atempo={speed * rate / raised:.9f}"
    raw = _ffmpeg(source, rate, ["-af", option])
    lag = envelope_lag(source, raw, rate, speed, pitch)
    positions = (head + lag + np.arange(round(seconds * rate)) / rate) * rate
    return resample_at(raw, positions)


def envelope_lag(
    reference: Samples, dance: Samples, rate: int, speed: float, pitch: float = 1.0
) -> float:
    """How late ``dance`` is (seconds) against ``reference_time = speed * dance_time``.

    ``pitch`` is how much higher the dance sounds; its bands are as much higher.
    Onset strength in six bands at 1000 frames a second, correlated in windows of 8 s within
    ±0.25 s; the median over windows. Centred windows on both sides, so that neither is late.
    """
    ours, theirs = _onsets(dance, rate, pitch), _onsets(reference, rate)
    count = int(min(ours.shape[1], theirs.shape[1] / speed)) - 1
    grid = np.arange(count) * speed
    warped = np.stack([np.interp(grid, np.arange(theirs.shape[1]), band) for band in theirs])
    size, reach = 8000, 250
    lags = []
    for at in range(reach, count - size - reach, size // 2):
        total = np.zeros(2 * reach + 1)
        for band in range(len(warped)):
            fixed = warped[band, at : at + size]
            free = ours[band, at - reach : at + size + reach]
            scale = np.linalg.norm(fixed) * np.linalg.norm(free)
            if scale > 1e-9:
                total += signal.correlate(free, fixed, mode="valid") / scale
        peak = int(np.argmax(total))
        if 0 < peak < 2 * reach:
            left, top, right = total[peak - 1 : peak + 2]
            bend = left - 2 * top + right
            shift = 0.5 * (left - right) / bend if bend else 0.0
            lags.append((peak + shift - reach) / 1000)
    if not lags:
        raise ValueError("the sound is too short or too even to measure its delay")
    return float(np.median(lags))


def _onsets(x: Samples, rate: int, pitch: float = 1.0) -> NDArray[np.float64]:
    """Half-wave rectified log-energy rise in six octave bands, 1000 frames a second."""
    hop = rate // 1000
    bands = []
    for edge in (100, 250, 500, 1000, 2000, 4000):
        low = edge * pitch
        sections = signal.butter(
            2, [low, min(2 * low, rate * 0.49)], "bandpass", fs=rate, output="sos"
        )
        energy = signal.sosfiltfilt(sections, x) ** 2
        frames = energy[: len(energy) // hop * hop].reshape(-1, hop).mean(axis=1)
        smooth = signal.fftconvolve(frames, signal.windows.hann(21) / 10, mode="same")
        rise = np.gradient(np.log(np.maximum(smooth, 0) + 1e-7))
        bands.append(np.maximum(rise, 0))
    return np.stack(bands)


def drift(x: Samples, rate: int, start: float, seconds: float, ppm: float) -> Samples:
    """A phone whose clock runs ``ppm`` millionths slow: ``play`` at a speed of ``1 + ppm/1e6``."""
    return play(x, rate, start, seconds, 1 + ppm * 1e-6)


CODECS: dict[Codec, tuple[str, list[str], int]] = {
    "aac64": ("m4a", ["-c:a", "aac", "-b:a", "64k", "-ar", "48000"], 48_000),
    "aac24": ("m4a", ["-c:a", "aac", "-b:a", "24k", "-ar", "22050"], 22_050),
    "opus24": ("ogg", ["-c:a", "libopus", "-b:a", "24k", "-ar", "48000"], 48_000),
    "amr": ("amr", ["-c:a", "libopencore_amrnb", "-b:a", "12.2k", "-ar", "8000"], 8_000),
}


def codec(x: Samples, rate: int, name: Codec) -> Samples:
    """Through a phone's codec and back, its delay measured by phase correlation and taken out.

    Not by plain correlation, which the bass decides: AMR delays it by 5 ms more than the rest.
    """
    suffix, options, _ = CODECS[name]
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / f"sound.{suffix}"
        _ffmpeg(x, rate, options, file)
        done = subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-i", f"file:{file}",
             "-ac", "1", "-ar", str(rate), "-f", "f32le", "-"],
            capture_output=True, check=True, timeout=300,
        )  # fmt: skip
    out = np.frombuffer(done.stdout, dtype=np.float32)
    lag, _ = phase_lag(x, out, rate)
    return resample_at(out, np.arange(len(x), dtype=np.float64) + lag * rate)


def waveform_lag(reference: Samples, dance: Samples, rate: int, reach: float = 0.5) -> float:
    """How late ``dance`` is against ``reference`` (seconds, ±``reach``), by cross-correlation."""
    count = min(len(reference), len(dance))
    curve = signal.correlate(dance[:count].astype(np.float64), reference[:count], method="fft")
    middle, width = count - 1, int(reach * rate)
    near = curve[middle - width : middle + width + 1]
    peak = int(np.argmax(near[1:-1])) + 1
    left, top, right = near[peak - 1 : peak + 2]
    bend = left - 2 * top + right
    return float((peak - width + (0.5 * (left - right) / bend if bend else 0.0)) / rate)


def phase_lag(
    reference: Samples, dance: Samples, rate: int, reach: float = 0.1
) -> tuple[float, float]:
    """How late ``dance`` is (seconds, ±``reach``), and by how many deviations that is clear.

    Every frequency from 60 Hz up counts alike (GCC-PHAT), but those in which there is nothing:
    the rounding of two sounds that were made in the same way agrees as well.
    """
    size = fft.next_fast_len(len(reference) + len(dance), real=True)
    cross = fft.rfft(dance, size) * np.conj(fft.rfft(reference, size))
    cross /= np.abs(cross) + 1e-9 * np.max(np.abs(cross), initial=1e-12)
    cross[: int(size * 60 / rate)] = 0
    curve = fft.irfft(cross, size)
    width = int(reach * rate)
    near = np.abs(np.concatenate((curve[-width:], curve[: width + 1])))
    peak = int(np.argmax(near[1:-1])) + 1
    left, top, right = near[peak - 1 : peak + 2]
    part = 0.5 * (left - right) / (left - 2 * top + right)
    return float((peak - width + part) / rate), float(top / np.std(curve))


def _ffmpeg(x: Samples, rate: int, options: list[str], file: Path | None = None) -> Samples:
    """Runs samples through ffmpeg, into a file or back as samples at the same rate."""
    target = (
        ["-ac", "1", "-ar", str(rate), "-f", "f32le", "-"] if file is None else [f"file:{file}"]
    )
    done = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "f32le", "-ar", str(rate),
         "-ac", "1", "-i", "-", *options, *target],
        input=x.astype(np.float32).tobytes(), capture_output=True, check=True, timeout=300,
    )  # fmt: skip
    return np.frombuffer(done.stdout, dtype=np.float32)


def tempo(x: Samples, rate: int) -> float:
    """Beats a minute, 70 to 140, by autocorrelation of the onset strength."""
    strength = _onsets(x, rate).sum(axis=0)
    frames = strength[: len(strength) // 10 * 10].reshape(-1, 10).mean(axis=1)
    frames -= frames.mean()
    curve = signal.correlate(frames, frames, method="fft")[len(frames) - 1 :]
    lags = np.arange(round(6000 / 140), round(6000 / 70) + 1)
    best = lags[int(np.argmax(curve[lags] + 0.5 * curve[2 * lags]))]
    return 6000 / float(best)
