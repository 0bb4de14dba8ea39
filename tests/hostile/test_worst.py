"""The files that cost most are answered within the budget of an upload; see ``worst``.

What counts is the processor's time of the child and all that it started, not the clock.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import reasons
from pipeline.child import budget
from pipeline.child.budget import LOOK_SECONDS
from tests.hostile.measured import Answer, describe
from tests.hostile.worst import FILMS, PICTURES, SLOW

SHORT_SECONDS = 1.0
"""The budget of the slow ones here: that it is kept shows with this as with the whole of it."""
LATE_SECONDS = LOOK_SECONDS + 3.0
"""What a child may use after its budget until its parent looks, on a loaded machine."""
CHEAP_SECONDS = 3.0
"""Python's start, and the look at an honest file of this size, several times over."""
MOST_MB = 500.0
"""Of memory, for the child and all that it started: what was wished for each of these files."""


def answered(answer: Answer, seconds: float) -> None:
    assert answer.reason not in {reasons.CRASHED, reasons.TIMEOUT}, answer.detail
    assert answer.cpu_seconds <= seconds
    assert answer.memory_mb <= MOST_MB


@pytest.mark.parametrize("name", SLOW)
def test_the_slow_ones_are_refused_or_cost_little(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "OPENING_SECONDS", SHORT_SECONDS)
    path = SLOW[name](tmp_path / name)
    answer = describe(path, "reference")
    answered(answer, budget.opening_seconds([path]) + LATE_SECONDS)
    assert answer.reason is not None or answer.cpu_seconds <= CHEAP_SECONDS, (
        "what nobody could have waited for is refused"
    )


@pytest.mark.parametrize("name", PICTURES)
def test_no_picture_in_a_sound_is_decoded(name: str, tmp_path: Path) -> None:
    answer = describe(PICTURES[name](tmp_path / name), "reference")
    assert answer.reason is None, answer.detail
    answered(answer, CHEAP_SECONDS)


@pytest.mark.parametrize("name", [*FILMS, "stills.mov"])
def test_films_of_large_pictures_are_described_or_refused(name: str, tmp_path: Path) -> None:
    answer = describe({**FILMS, **PICTURES}[name](tmp_path / name), "dance")
    refused = {reasons.UNSUPPORTED} if name == "stills.mov" else {None, reasons.UNREADABLE}
    assert answer.reason in refused, answer.detail
    answered(answer, CHEAP_SECONDS)
