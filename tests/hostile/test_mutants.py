"""Damaged real files are used or refused; ``make soak`` tries thousands of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.mutants import FORMATS, make_bases, mutated, try_mutant

EACH = 1
"""Mutants of each format."""
FIRST = 14 * 1000
"""Seed of the first; those of ``make soak`` begin at 0."""


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_bases(tmp_path_factory.mktemp("bases"))


def test_a_seed_makes_the_same_damage(bases: dict[str, Path]) -> None:
    data = bases["mp4"].read_bytes()
    assert mutated(data, 5) == mutated(data, 5) != data


@pytest.mark.parametrize("number", range(len(FORMATS)), ids=FORMATS)
def test_no_mutant_breaks_the_child(number: int, bases: dict[str, Path], tmp_path: Path) -> None:
    for turn in range(EACH):
        verdict = try_mutant(FIRST + turn * len(FORMATS) + number, bases, tmp_path)
        assert not verdict.crashed, (verdict.name, verdict.answer.text, verdict.answer.detail)
        assert not verdict.beyond, (verdict.name, verdict.answer)


@pytest.mark.parametrize("seed", [56, 100_128], ids=["none", "without a codec"])
def test_a_film_whose_streams_are_gone_is_refused(
    seed: int, bases: dict[str, Path], tmp_path: Path
) -> None:
    verdict = try_mutant(seed, bases, tmp_path)
    assert not verdict.crashed, verdict.answer.detail
