"""All cases of a split, one at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from benchmarks.cases import combined, in_rooms, other_key, other_speed, same_speed
from benchmarks.cases.case import KINDS, Case, Draw
from benchmarks.cases.tracks import Split

__all__ = ["KINDS", "RECIPES", "generate"]

RECIPES = (same_speed, other_speed, combined, other_key, in_rooms)
"""The modules that register the kinds, by being imported."""


def generate(
    split: Split,
    classes: Collection[str] | None = None,
    *,
    limit: int | None = None,
    names: Collection[str] | None = None,
    again: int = 0,
) -> Iterator[Case]:
    """The cases of a split, made one at a time.

    ``classes`` names the kinds that are wanted, ``names`` the cases, and ``limit`` is the most
    cases of a kind; none of the others is made. ``again`` above 0 draws them anew.
    """

    unknown = set(classes or ()) - set(KINDS)
    if unknown:
        raise ValueError(f"no such classes: {', '.join(sorted(unknown))}; there are {list(KINDS)}")
    for kind, (count, make) in KINDS.items():
        if classes is None or kind in classes:
            for index in range(min(count, limit or count)):
                draw = Draw(split, kind, index, again)
                if names is None or draw.name in names:
                    yield make(draw)
