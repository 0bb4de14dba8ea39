"""A dance and a reference through all rooms but the alignment, whose answer is given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.media.frame_times import frame_times
from pipeline.media.info import MediaInfo
from pipeline.media.probe import probe
from pipeline.model import Segment, VariantName
from pipeline.plan.make import make_plan
from pipeline.plan.measurements import Measurements, measured
from pipeline.plan.options import RenderOptions
from pipeline.plan.render_plan import RenderPlan
from pipeline.render.result import RenderReport, render
from pipeline.settings import Settings
from pipeline.sound.decode import decode_sound
from tests.media import measure
from tests.media.clips import RATE

SETTINGS = Settings()


@dataclass(frozen=True)
class Pair:
    """Two files, read."""

    dance: Path
    reference: Path
    dance_info: MediaInfo
    reference_info: MediaInfo
    measurements: Measurements


@dataclass(frozen=True)
class Result:
    """A result file with its plan."""

    path: Path
    plan: RenderPlan
    report: RenderReport


def read_pair(dance: Path, reference: Path, scratch: Path) -> Pair:
    scratch.mkdir(parents=True, exist_ok=True)
    dance_info = probe(dance, role="dance", settings=SETTINGS)
    reference_info = probe(reference, role="reference", settings=SETTINGS)
    heard = decode_sound(dance, dance_info, scratch, settings=SETTINGS)
    clean = decode_sound(reference, reference_info, scratch, settings=SETTINGS, loudness=True)
    frames = frame_times(dance, dance_info, settings=SETTINGS)
    return Pair(dance, reference, dance_info, reference_info, measured(frames, heard, clean))


def make_result(
    pair: Pair,
    segments: Sequence[Segment],
    out: Path,
    *,
    variant: VariantName = "v2",
    options: RenderOptions | None = None,
    scratch: Path | None = None,
) -> Result:
    """Plans, renders (and verifies) from the plan's JSON."""
    plan = make_plan(
        segments,
        pair.dance_info,
        pair.reference_info,
        variant=variant,
        options=options or RenderOptions(),
        measurements=pair.measurements,
    )
    plan = RenderPlan.from_json(json.loads(json.dumps(plan.to_json())))
    scratch = scratch or out.parent / f"scratch-{out.stem}"
    scratch.mkdir(parents=True, exist_ok=True)
    report = render(plan, pair.dance, pair.reference, out, settings=SETTINGS, scratch=scratch)
    return Result(out, plan, report)


def kept(result: Result, source: measure.Pictures) -> tuple[measure.Pictures, int]:
    """The result's pictures as played, and at which of the source's they begin.

    Asserts that they are a stretch of the source's: once each, in order, bit by bit the same
    when copied, at the same distances in time.
    """
    turned = source.rotation if result.plan.picture.action == "encode" else 0
    got = measure.pictures(result.path, turned)
    assert all(time >= -1e-6 for time in got.times)
    assert abs(got.times[0]) < 1e-6
    begin = source.numbers.index(got.numbers[0])
    assert got.numbers == source.numbers[begin : begin + len(got.numbers)]
    if result.plan.picture.action == "copy":
        assert got.hashes == source.hashes[begin : begin + len(got.numbers)]
    for place, time in enumerate(got.times):
        wanted = source.times[begin + place] - source.times[begin]
        assert abs(time - wanted) < 2e-3
    return got, begin


def late_by(
    heard: NDArray[np.float32],
    song: NDArray[np.float32],
    reference_start: float,
    *,
    at: float = 0.0,
    seconds: float = 4.0,
) -> float:
    """How much too late the song is in ``heard`` around ``at`` (seconds): result time 0 should
    play ``song`` (mono, 48 kHz) at ``reference_start``."""
    size = round(seconds * RATE)
    first = round(at * RATE)
    exact = (reference_start + at) * RATE
    place = round(exact)
    window, wanted = heard[first : first + size], song[place : place + size]
    return measure.lag(window, wanted) + (exact - place) / RATE
