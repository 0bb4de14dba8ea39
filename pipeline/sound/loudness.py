"""The loudness of the reference by EBU R 128 (ITU-R BS.1770-4), measured once.

ffmpeg's ``ebur128`` gives the integrated loudness and the true peak while the reference is
decoded for the alignment; the result gets one static gain from them (``pipeline.plan.pieces``), so
that the music's dynamics stay. What is measured is what a result gets: two channels, mixed down
or up in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from av.audio.frame import AudioFrame
from av.filter import Graph

from pipeline.media.info import Loudness
from pipeline.sound.pcm import Form, form_of
from pipeline.sound.timestamps import STEREO, converted

GATE_LUFS = -69.5
"""At the measure's own floor of -70 LUFS nothing passed its gate; below this it was not louder."""


@contextmanager
def measured_beside(
    measure: Callable[[AudioFrame], None],
) -> Iterator[Callable[[AudioFrame], None]]:
    """``measure`` in a thread of its own, since it takes longer than decoding; never more than one
    frame behind. What it raises is raised by the next call, or at the end."""
    with ThreadPoolExecutor(1, "loudness") as pool:
        last: Future[None] | None = None

        def call(frame: AudioFrame) -> None:
            nonlocal last
            if last is not None:
                last.result()
            last = pool.submit(measure, frame)

        yield call
        if last is not None:
            last.result()


class LoudnessMeter:
    """Measures a track frame by frame.

    Where its rate or channels change in the middle, the longest stretch is what counts.
    """

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._form: Form | None = None
        self._seconds = 0.0
        self._values: dict[str, str] = {}
        self._longest: tuple[float, dict[str, str]] = (0.0, {})

    def measure(self, frame: AudioFrame) -> None:
        """Adds a frame to the measurement; ``frame`` is not changed."""
        if self._graph is None or form_of(frame) != self._form:
            self._end()
            self._graph, self._form = _graph(frame), form_of(frame)
        self._graph.push(frame)
        self._seconds += frame.samples / frame.sample_rate
        self._read(self._graph)

    def result(self) -> Loudness | None:
        """The whole track's loudness; None when nothing was loud enough to be measured."""
        self._end()
        values = self._longest[1]
        integrated = float(values.get("lavfi.r128.I", -math.inf))
        peaks = [float(v) for k, v in values.items() if k.startswith("lavfi.r128.true_peaks_ch")]
        peak = max(peaks, default=0.0)
        if integrated < GATE_LUFS or peak <= 0:
            return None
        return Loudness(integrated=integrated, true_peak=20 * math.log10(peak))

    def _end(self) -> None:
        if self._graph is not None:
            self._graph.push(None)
            self._read(self._graph)
        self._longest = max(self._longest, (self._seconds, self._values), key=lambda pair: pair[0])
        self._graph, self._seconds, self._values = None, 0.0, {}

    def _read(self, graph: Graph) -> None:
        """The values accumulate, so the last ones are the whole stretch's; the rest at the end
        (under 100 ms) comes without."""
        while True:
            try:
                values = graph.pull().metadata
            except (BlockingIOError, EOFError):
                return
            self._values = values or self._values


def _graph(frame: AudioFrame) -> Graph:
    graph = Graph()
    graph.threads = 1
    source = graph.add_abuffer(
        sample_rate=frame.sample_rate, format=frame.format, layout=frame.layout
    )
    graph.link_nodes(
        source,
        graph.add("aresample", converted(frame.sample_rate, STEREO)),
        graph.add("ebur128", peak="true", metadata="1", framelog="quiet"),
        graph.add("abuffersink"),
    ).configure()
    return graph
