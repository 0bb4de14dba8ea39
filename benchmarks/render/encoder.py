"""How well settings of the AAC encoder hide their noise, and what they cost.

    python -m benchmarks.render.encoder

Encodes 10 s of real music of each of ``TRACKS`` tracks, and of some of them as mono in both
channels, and compares what is decoded with what was given: the noise-to-mask ratio after ITU-R
BS.1387 (quarter Bark bands, its spreading and mask, Terhardt's threshold in quiet, no smearing in
time), of each frame of 2048 samples and each channel, as a mean over the bands. Below
0 dB noise is taken for inaudible. Printed are the mean, the worst hundredth and the worst
thousandth of all frames, and the CPU time of ffmpeg.
"""

from __future__ import annotations

import resource
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.render.__main__ import run_ffmpeg
from pipeline.render.aac import ENCODER, encoder
from tests import music
from tests.media.clips import RATE, read_music, write_sound

TRACKS = 8
MONO_EVERY = 4
SECONDS = 10.0
FRAME = 2048
BANDS_PER_BARK = 4
LOW_BARK = 12.0
"""Up to here the mask lies 3 dB below the music, above it lower (ITU-R BS.1387)."""
HIGHEST_HZ = 18_000.0
FULL_SCALE_DB = 92.0
"""The level of a sine at full scale, as in BS.1387."""

FAST = ("-c:a", "aac", "-aac_coder", "fast")
SETTINGS = {
    "256 kb/s, thorough search": ("-c:a", "aac", "-b:a", "256k"),
    "256 kb/s, fast search": (*FAST, "-b:a", "256k"),
    "without intensity stereo": (*FAST, "-aac_is", "0", "-b:a", "256k"),
    "without mid/side stereo as well": (*FAST, "-aac_is", "0", "-aac_ms", "0", "-b:a", "256k"),
    "the same at 288 kb/s": (*FAST, "-aac_is", "0", "-aac_ms", "0", "-b:a", "288k"),
    "320 kb/s, the pipeline's": ENCODER,
    "128 kb/s without mid/side stereo": (*FAST, "-aac_is", "0", "-aac_ms", "0", "-b:a", "128k"),
    "128 kb/s, the pipeline's": encoder(128_000),
    "96 kb/s, the pipeline's": encoder(96_000),
}

Floats = NDArray[np.float64]


def _bark(hertz: Floats) -> Floats:
    result: Floats = 7.0 * np.arcsinh(hertz / 650.0)
    return result


def _bands() -> tuple[NDArray[np.int64], Floats]:
    """The band of each line of the spectrum, and the bands' middles (Bark)."""
    place = _bark(np.arange(FRAME // 2 + 1, dtype=np.float64) * (RATE / FRAME))
    band = (place * BANDS_PER_BARK).astype(np.int64)
    count = int(_bark(np.array(HIGHEST_HZ)) * BANDS_PER_BARK)
    return band, (np.arange(count) + 0.5) / BANDS_PER_BARK


def noise_to_mask(given: NDArray[np.float32], coded: NDArray[np.float32]) -> Floats:
    """By frame (decibels), of one channel each."""
    band, middle = _bands()
    shape = np.hanning(FRAME)
    end = min(len(given), len(coded))
    starts = np.arange(0, end - FRAME, FRAME // 2)
    hertz = 650.0 * np.sinh(middle / 7.0)
    powers = []
    for sound in (given[:end], coded[:end] - given[:end]):
        frames = np.stack([sound[start : start + FRAME] for start in starts]) * shape
        lines = np.abs(np.fft.rfft(frames, axis=1)) ** 2 / (shape.sum() ** 2 / 4 * 1.5)
        powers.append(np.stack([np.bincount(band, row)[: len(middle)] for row in lines]) + 1e-15)
    music_power, noise = powers
    level = 10 * np.log10(music_power) + FULL_SCALE_DB
    distance = middle[None, :] - middle[:, None]  # from a band to each other one (Bark)
    mask = np.zeros_like(music_power)
    for here, far in enumerate(distance):
        upper = np.minimum(-24.0 - 230.0 / hertz[here] + 0.2 * level[:, here : here + 1], -4.0)
        slope = np.where(far > 0, upper * far, 27.0 * far)
        mask += music_power[:, here : here + 1] * 10 ** (slope / 10)
    mask *= 10 ** (-np.where(middle <= LOW_BARK, 3.0, 0.25 * middle) / 10)
    ratio = noise / np.maximum(mask, 10 ** ((_in_quiet(hertz) - FULL_SCALE_DB) / 10))
    result: Floats = 10 * np.log10(ratio.mean(axis=1) + 1e-12)
    return result


def _in_quiet(hertz: Floats) -> Floats:
    """The level (decibels) below which nothing is heard: Terhardt's formula."""
    f = hertz / 1000.0
    result: Floats = 3.64 * f**-0.8 - 6.5 * np.exp(-0.6 * (f - 3.3) ** 2) + 1e-3 * f**4
    return result


def _sounds() -> list[NDArray[np.float32]]:
    tracks = [
        path for name in ("warzone2100-music", "neverball-common") for path in music.tracks(name)
    ]
    chosen = [tracks[i] for i in np.linspace(0, len(tracks) - 1, TRACKS).astype(int)]
    sounds = [read_music(path, 20.0, SECONDS) for path in chosen]
    mono = [sound.mean(axis=1, keepdims=True).repeat(2, axis=1) for sound in sounds[::MONO_EVERY]]
    return sounds + mono


def main() -> None:
    sounds = _sounds()
    print("| setting | mean (dB) | worst 1 % | worst 0.1 % | frames above 0 dB | CPU (s) |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        wav, coded, back = (Path(name) / f for f in ("given.wav", "coded.m4a", "back.wav"))
        for setting, arguments in SETTINGS.items():
            found, spent = [], 0.0
            for sound in sounds:
                write_sound(sound, wav, "-c:a", "pcm_f32le")
                before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
                run_ffmpeg("-i", str(wav), *arguments, str(coded))
                spent += resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
                run_ffmpeg("-i", str(coded), "-c:a", "pcm_f32le", str(back))
                again = read_music(back, 0.0, SECONDS)
                found += [noise_to_mask(sound[:, c], again[:, c]) for c in (0, 1)]
            frames = np.concatenate(found)
            worst = [np.percentile(frames, p) for p in (99, 99.9)]
            print(
                f"| {setting} | {frames.mean():.1f} | {worst[0]:.1f} | {worst[1]:.1f} |"
                f" {100 * (frames > 0).mean():.2f} % | {spent:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
