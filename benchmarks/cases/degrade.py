"""What happens to music between the loudspeaker and the phone's file, as pure functions.

Each takes mono samples and a rate (hertz) and returns as many samples; every random choice comes
from ``seed``. None moves the sound in time: the direct path is at time zero, filters have no
delay, and blocks are centred. Changes of time (speed, drift, codecs) are in
``benchmarks.cases.warp``.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from pipeline.model import Samples

Colour = Literal["white", "pink"]


def rms(x: Samples) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))) if len(x) else 0.0


def coloured_noise(count: int, colour: Colour, seed: int) -> Samples:
    """Gaussian noise with a root mean square of 1; pink falls by 3 dB an octave above 20 Hz."""
    random = np.random.default_rng(seed)
    white = random.standard_normal(count)
    if colour == "white":
        return white.astype(np.float32)
    spectrum = np.fft.rfft(white)
    shape = 1 / np.sqrt(np.maximum(np.arange(len(spectrum)), max(1, count * 20 / 16_000)))
    pink = np.fft.irfft(spectrum * shape, count)
    return (pink / np.std(pink)).astype(np.float32)


def add_at_snr(x: Samples, disturbance: Samples, snr_db: float) -> Samples:
    """``x`` plus a disturbance scaled so that ``x`` is ``snr_db`` decibels above it (by rms)."""
    scale = rms(x) / max(rms(disturbance), 1e-9) * 10 ** (-snr_db / 20)
    return (x + disturbance[: len(x)] * np.float32(scale)).astype(np.float32)


def noise(x: Samples, snr_db: float, colour: Colour, seed: int) -> Samples:
    """Adds white or pink noise at a signal-to-noise ratio in decibels."""
    return add_at_snr(x, coloured_noise(len(x), colour, seed), snr_db)


def room_response(
    rate: int,
    rt60: float,
    direct_db: float,
    seed: int,
    *,
    first_reflection: float = 0.005,
) -> NDArray[np.float64]:
    """A synthetic room impulse response; the direct path is sample 0.

    Sparse early reflections in 80 ms after ``first_reflection`` (seconds) and a diffuse tail whose
    level falls by 60 dB in ``rt60`` seconds (Moorer's model of 1979). ``direct_db`` is the level of
    the direct path against all reflections together.
    """
    random = np.random.default_rng(seed)
    count = int(rt60 * rate)
    time = np.arange(count) / rate
    decay = 10 ** (-3 * time / rt60)
    tail = random.standard_normal(count) * decay
    tail[time < max(0.02, first_reflection)] = 0
    tail *= 1 / np.sqrt(np.sum(tail**2))
    early = np.zeros(count)
    arrivals = first_reflection + np.sort(random.uniform(0, 0.08, 14))
    arrivals[0] = first_reflection
    for arrival in arrivals:
        early[min(count - 1, int(arrival * rate))] += random.choice((-1, 1)) * 10 ** (
            -3 * arrival / rt60
        )
    early *= 1 / np.sqrt(np.sum(early**2))
    reflections = early + 0.7 * tail
    reflections *= 1 / np.sqrt(np.sum(reflections**2))
    response = reflections
    response[0] = 10 ** (direct_db / 20)
    return np.asarray(response / np.sqrt(np.sum(response**2)), dtype=np.float64)


def reverberate(x: Samples, response: NDArray[np.float64]) -> Samples:
    """Convolution with a room; time zero of ``x`` is its arrival by the direct path."""
    return signal.fftconvolve(x, response)[: len(x)].astype(np.float32)


def band_limit(x: Samples, rate: int, low: float, high: float, order: int = 2) -> Samples:
    """A Butterworth band pass run both ways, so that nothing is delayed."""
    high = min(high, rate / 2 * 0.98)
    sections = signal.butter(order, [low, high], "bandpass", fs=rate, output="sos")
    return signal.sosfiltfilt(sections, x).astype(np.float32)


def equalise(x: Samples, rate: int, seed: int, range_db: float = 12.0) -> Samples:
    """Another master or loudspeaker: a random smooth gain over frequency, linear phase."""
    random = np.random.default_rng(seed)
    edges = np.concatenate(([0], np.geomspace(60, rate / 2, 10)))
    gains = 10 ** (random.uniform(-range_db, range_db, len(edges)) / 20)
    taps = signal.firwin2(2047, edges, gains, fs=rate)
    return signal.fftconvolve(x, taps, mode="same").astype(np.float32)


def claps_and_stomps(
    x: Samples, rate: int, seed: int, *, level_db: float = 6.0, period: float = 0.5
) -> Samples:
    """Adds a class's claps and stomps: bursts whose peaks are ``level_db`` above the music's.

    They come near every ``period`` seconds, up to 40 ms early or late, one in four left out.
    """
    random = np.random.default_rng(seed)
    time = np.arange(int(0.15 * rate)) / rate
    sections = signal.butter(2, [700, min(5000, rate * 0.45)], "bandpass", fs=rate, output="sos")
    peak = float(np.percentile(np.abs(x), 99.9)) * 10 ** (level_db / 20)
    out = x.astype(np.float64).copy()
    for beat in np.arange(random.uniform(0, period), len(x) / rate, period):
        if random.random() < 0.25:
            continue
        if random.random() < 0.5:
            hit = signal.sosfilt(sections, random.standard_normal(len(time))) * np.exp(-time / 0.01)
        else:
            pitch = random.uniform(55, 110)
            hit = np.sin(2 * np.pi * pitch * time) * np.exp(-time / 0.04)
            hit += 0.3 * random.standard_normal(len(time)) * np.exp(-time / 0.006)
        start = int((beat + random.uniform(-0.04, 0.04)) * rate)
        part = out[max(0, start) : start + len(hit)]
        part += (hit / np.max(np.abs(hit)) * peak * random.uniform(0.3, 1))[: len(part)]
    return out.astype(np.float32)


def clip(x: Samples, drive_db: float) -> Samples:
    """Hard clipping at full scale after raising the rms to ``drive_db`` below full scale."""
    gain = 10 ** (-drive_db / 20) / max(rms(x), 1e-9)
    return np.asarray(np.clip(x * gain, -1, 1), dtype=np.float32)


def automatic_gain(
    x: Samples, rate: int, *, attack: float = 0.01, release: float = 1.0, target: float = 0.2
) -> Samples:
    """A phone's automatic gain: quick to turn down, slow to turn up (times in seconds)."""
    block = max(1, rate // 200)
    blocks = len(x) // block + 1
    padded = np.zeros(blocks * block)
    padded[: len(x)] = x
    levels = np.sqrt(np.mean(padded.reshape(blocks, block) ** 2, axis=1)) + 1e-6
    down, up = np.exp(-block / rate / attack), np.exp(-block / rate / release)
    followed = np.empty(blocks)
    level = levels[0]
    for index, now in enumerate(levels):
        weight = down if now > level else up
        level = weight * level + (1 - weight) * now
        followed[index] = level
    gain = np.minimum(target / followed, 100)
    centres = (np.arange(blocks) + 0.5) * block
    return (x * np.interp(np.arange(len(x)), centres, gain)).clip(-1, 1).astype(np.float32)


def spectral_gate(
    x: Samples, rate: int, *, floor_db: float = -25.0, quantile: float = 0.4
) -> Samples:
    """A phone's noise suppression: spectral subtraction against each band's own floor.

    As such programs do, it takes steady music for noise and leaves only what stands out
    (Boll 1979).
    """
    size = 512
    _, _, spectrum = signal.stft(x, rate, nperseg=size)
    power = np.abs(spectrum) ** 2
    floor = np.quantile(power, quantile, axis=1, keepdims=True)
    gain = np.sqrt(np.maximum(1 - 2 * floor / np.maximum(power, 1e-12), 10 ** (floor_db / 10)))
    _, out = signal.istft(spectrum * gain, rate, nperseg=size)
    return np.asarray(out[: len(x)], dtype=np.float32)


def moving_phone(x: Samples, rate: int, seed: int) -> Samples:
    """A phone that is carried: slow changes of level (±6 dB) and of one strong reflection.

    The reflection is 2 to 9 ms late, 3 dB below the direct path, and changes within seconds.
    """
    random = np.random.default_rng(seed)
    count = len(x)
    time = np.arange(count) / rate
    knots = np.arange(0, time[-1] + 2, 1.5)
    gain = 10 ** (np.interp(time, knots, random.uniform(-6, 6, len(knots))) / 20)
    delay = np.interp(time, knots, random.uniform(0.002, 0.009, len(knots)))
    reflected = np.interp(np.arange(count) - delay * rate, np.arange(count), x)
    return (gain * (x + 0.7 * reflected)).astype(np.float32)


def handling(x: Samples, rate: int, seed: int, *, level_db: float = 10.0) -> Samples:
    """Wind and handling: bursts of noise below 200 Hz, ``level_db`` above the music (rms)."""
    random = np.random.default_rng(seed)
    sections = signal.butter(2, 200, "lowpass", fs=rate, output="sos")
    rumble = signal.sosfilt(sections, random.standard_normal(len(x)))
    time = np.arange(len(x)) / rate
    knots = np.arange(0, time[-1] + 1, 0.4)
    rumble *= np.interp(time, knots, random.uniform(0, 1, len(knots)) ** 3)
    return add_at_snr(x, rumble.astype(np.float32), -level_db)


def drum_loop(count: int, rate: int, beats_a_minute: float, seed: int, *, kit: int = 0) -> Samples:
    """A one-bar drum pattern of ``seed`` over and over, played on the samples of kit ``kit``."""
    drums = np.random.default_rng(1000 + kit)
    time = np.arange(int(0.3 * rate)) / rate
    kick = np.sin(2 * np.pi * (50 * time + 4 * (1 - np.exp(-time / 0.02)))) * np.exp(-time / 0.08)
    snare = drums.standard_normal(len(time)) * np.exp(-time / 0.05) * 0.6
    snare += np.sin(2 * np.pi * 190 * time) * np.exp(-time / 0.04) * 0.5
    hat = np.diff(drums.standard_normal(len(time) + 1)) * np.exp(-time / 0.015) * 0.3
    random = np.random.default_rng(seed)
    pattern = random.random((3, 16)) < np.array([[0.25], [0.15], [0.6]])
    pattern[0, 0] = pattern[1, 4] = pattern[1, 12] = True
    step = 60 / beats_a_minute / 4
    out = np.zeros(count + len(time))
    for number in range(int(count / rate / step)):
        at = int(number * step * rate)
        for drum, hit in enumerate((kick, snare, hat)):
            if pattern[drum, number % 16]:
                out[at : at + len(hit)] += hit
    level = np.sqrt(np.mean(out**2) + 1e-12)
    return np.asarray(out[:count] / level, dtype=np.float32)


def chorus(x: Samples, rate: int, seed: int) -> Samples:
    """Three voices whose delays sway by up to 6 ms around zero, so that phases disagree."""
    random = np.random.default_rng(seed)
    time = np.arange(len(x)) / rate
    out = np.zeros(len(x))
    for _ in range(3):
        sway = 0.006 * np.sin(2 * np.pi * (random.uniform(0.2, 0.9) * time + random.random()))
        out += np.interp(time - sway, time, x, left=0, right=0)
    return (out / 3).astype(np.float32)


def scramble_phases(x: Samples, rate: int, seed: int) -> Samples:
    """The same spectrum over time with phases drawn anew: no common waveform (64 ms)."""
    random = np.random.default_rng(seed)
    size = 2 ** round(np.log2(0.064 * rate))
    _, _, spectrum = signal.stft(x, rate, nperseg=size)
    turned = np.abs(spectrum) * np.exp(2j * np.pi * random.random(spectrum.shape))
    _, out = signal.istft(turned, rate, nperseg=size)
    return np.asarray(out[: len(x)], dtype=np.float32)


def vocoder(x: Samples, rate: int, seed: int) -> Samples:
    """Noise that follows the music's level in 20 bands (10 ms), as a channel vocoder does."""
    edges = [float(edge) for edge in np.geomspace(80, rate * 0.47, 21)]
    carrier = coloured_noise(len(x), "white", seed)
    window = signal.windows.hann(2 * round(0.01 * rate) + 1)
    out = np.zeros(len(x))
    for low, high in pairwise(edges):
        sections = signal.butter(2, [low, high], "bandpass", fs=rate, output="sos")
        power = signal.sosfiltfilt(sections, x) ** 2
        level = np.sqrt(np.maximum(signal.fftconvolve(power, window / window.sum(), "same"), 0))
        out += signal.sosfiltfilt(sections, carrier) * level
    return np.asarray(out * (rms(x) / (float(np.std(out)) + 1e-9)), dtype=np.float32)
