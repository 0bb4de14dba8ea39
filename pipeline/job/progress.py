"""One figure for how far a job is, made from the progress of its stages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from pipeline.job.events import OPENING, ProgressEvent, Report

WEIGHTS: Mapping[str, float] = {
    OPENING: 0.02,
    "decode": 0.18,
    "align_v2": 0.08,
    "align_modular": 0.17,
    "render_v2": 0.25,
    "render_modular": 0.25,
}
"""Share of a typical job's time, from its own timings of three-minute pairs."""

REPORT_SECONDS = 0.25
"""Between two reports within a stage; a stage's start is always reported."""
MIN_SHARE = 0.05
"""Below this an extrapolation says more about chance than about the time left."""


class StageClock:
    """Turns "stage X is 40 % done" into the job's progress, its time left and its timings."""

    def __init__(
        self,
        stages: Iterable[str],
        report: Report,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._weights = {stage: WEIGHTS.get(stage, 0.1) for stage in stages}
        self._total = sum(self._weights.values()) or 1.0
        self._report = report
        self._clock = clock
        self._begin = clock()
        self._stage = ""
        self._stage_begin = self._begin
        self._done = 0.0
        self._last_report = float("-inf")
        self.seconds: dict[str, float] = {}
        """Seconds spent in each finished stage."""

    def start(self, stage: str) -> None:
        """Ends the present stage and begins ``stage``."""
        self.finish()
        self._stage = stage
        self._stage_begin = self._clock()
        self._send(0.0)

    def finish(self) -> None:
        """Ends the present stage, if there is one."""
        if self._stage:
            spent = self._clock() - self._stage_begin
            self.seconds[self._stage] = round(self.seconds.get(self._stage, 0.0) + spent, 3)
            self._done += self._weights.get(self._stage, 0.0)
            self._stage = ""

    def step(self, fraction: float) -> None:
        """The present stage is ``fraction`` (0 to 1) done."""
        if self._clock() - self._last_report >= REPORT_SECONDS:
            self._send(min(max(fraction, 0.0), 1.0))

    def _send(self, fraction: float) -> None:
        now = self._last_report = self._clock()
        done = (self._done + self._weights.get(self._stage, 0.0) * fraction) / self._total
        elapsed = now - self._begin
        left = elapsed * (1.0 - done) / done if done > MIN_SHARE else None
        self._report(
            ProgressEvent(
                stage=self._stage,
                progress=round(min(done, 1.0), 4),
                seconds_left=None if left is None else round(left, 1),
            )
        )
