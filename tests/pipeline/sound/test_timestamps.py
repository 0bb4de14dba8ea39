"""The rule for time stamps: jitter is no gap, and both places that know the rule agree."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from av import AudioFrame
from av.filter import Graph
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.sound.timestamps import Clock, timeline

RATE = 48000
SIZE = 960
"""Samples of a frame (20 ms)."""


def placed(stamps: list[float | None], *, steady: bool = False) -> list[float]:
    """Where the frames of these stamps begin (seconds), each 20 ms long."""
    clock = Clock(RATE, steady=steady)
    ours = [None if stamp is None else round(stamp * RATE) for stamp in stamps]
    return [clock.place(stamp, SIZE) / RATE for stamp in ours]


def by_ffmpeg(stamps: list[float], *, steady: bool) -> list[float]:
    """The same by the filters that rendering uses, but for the resampling after them."""
    graph = Graph()
    expression = timeline(0.0, RATE, "osf=flt", steady=steady).split("asetpts='")[1].split("'")[0]
    source = graph.add_abuffer(
        sample_rate=RATE, format="s16", layout="mono", time_base=Fraction(1, RATE)
    )
    graph.link_nodes(
        source, graph.add("asetpts", expr=expression), graph.add("abuffersink")
    ).configure()
    found = []
    for stamp in stamps:
        frame = AudioFrame.from_ndarray(np.zeros((1, SIZE), np.int16), "s16", "mono")
        frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
        frame.pts = round(stamp * RATE)
        graph.push(frame)
        out = graph.pull()
        assert out.pts is not None
        found.append(out.pts / RATE)
    return found


def regular(count: int, start: float = 0.0) -> list[float]:
    return [start + n * SIZE / RATE for n in range(count)]


def test_jitter_is_no_gap() -> None:
    stamps = [at + (0.014 if n % 3 == 1 else 0.0) for n, at in enumerate(regular(200, 1.5))]
    assert np.allclose(placed(list(stamps)), regular(200, 1.5))
    one = regular(200)
    one[100] += 0.046  # a packet of Ogg Vorbis with the largest block that the format knows
    assert np.allclose(placed(list(one)), regular(200))


def test_a_lost_packet_is_a_gap_when_the_next_ones_say_so() -> None:
    stamps = regular(100) + regular(100, 2.02)
    found = np.array(placed(list(stamps)))
    late = np.flatnonzero(np.abs(found - np.array(stamps)) > 1e-9)
    assert late.tolist() == list(range(100, 125))  # the 0.5 s in which it might be jitter


def test_a_large_gap_counts_at_once_and_an_overlap_as_well() -> None:
    for jump in (0.06, 3.0, -0.06):
        stamps = regular(50) + regular(50, 1.0 + jump)
        assert np.allclose(placed(list(stamps)), stamps)


def test_where_stamps_begin_anew_the_sound_goes_on() -> None:
    assert np.allclose(placed([*regular(100), *regular(100)]), regular(200))


def test_drift_is_followed_in_a_dance_and_not_in_a_reference() -> None:
    stamps = [at * 1.0005 for at in regular(6000)]
    assert np.allclose(placed(list(stamps), steady=True), regular(6000))
    followed = np.array(placed(list(stamps)))
    assert np.abs(followed - np.array(stamps)).max() < 0.011
    # What is missing is missing, drift or not.
    gap = [at + (0.03 if n >= 3000 else 0.0) for n, at in enumerate(stamps)]
    found = np.array(placed(list(gap), steady=True))
    assert np.allclose(found[:3000], regular(3000))
    assert np.abs(found[3030:] - np.array(regular(6000))[3030:] - 0.03).max() < 3e-3


def test_frames_without_stamps_go_on() -> None:
    stamps: list[float | None] = [*regular(10, 2.0)]
    stamps[3] = stamps[7] = None
    assert np.allclose(placed(stamps), regular(10, 2.0))


@settings(max_examples=150, deadline=None)
@given(
    start=st.floats(0, 5),
    steps=st.lists(
        st.one_of(
            st.just(0.0),
            st.floats(-0.012, 0.012),
            st.sampled_from([0.02, -0.02, 0.04, 0.06, -0.06, -1.0, 2.0]),
        ),
        min_size=20,
        max_size=80,
    ),
    jitter=st.lists(st.floats(-0.02, 0.02), min_size=80, max_size=80),
    steady=st.booleans(),
)
def test_both_places_that_know_the_rule_agree(
    start: float, steps: list[float], jitter: list[float], steady: bool
) -> None:
    at = start + np.arange(len(steps)) * SIZE / RATE + np.cumsum(steps)
    stamps = [float(a + j) for a, j in zip(at, jitter, strict=False)]
    theirs = by_ffmpeg(stamps, steady=steady)
    ours = placed(list(stamps), steady=steady)
    # Rendering's stamps are whole samples.
    assert np.allclose(theirs, ours, atol=1.01 / RATE)
