"""Files that a person has had made beside the results: for every player, or of a limited size.

Each is asked for as an adjustment is, with what it should be like among the options (``file``). It
is rendered from the plan of one result and stands beside that, until an adjustment puts another
result in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.model import VARIANTS, VariantName
from pipeline.plan.size_limit import MAX_MEGABYTES
from pipeline.tasks.values import count, mapping, number, objects, text

REQUEST = "file"
"""The option of an adjustment that makes a file instead."""
KIND = "file-"
"""How the kinds of these files begin; their numbers follow."""
MAX_FILES = 12
"""So many stay; of more, the oldest goes."""


@dataclass(frozen=True)
class FileChoice:
    """What a file should be like."""

    variant: VariantName
    portable: bool = False
    """For every player and editor."""
    at_most_mb: float = 0.0
    """Megabytes; 0 is no limit."""

    def to_json(self) -> dict[str, Any]:
        """As one JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class ExtraFile:
    """A file that was made."""

    number: int
    """Counts the files of a task, from 1."""
    choice: FileChoice
    output: str
    """Path relative to the project's root."""
    size: int
    """Bytes."""

    @property
    def kind(self) -> str:
        """What its address calls it."""
        return f"{KIND}{self.number}"

    def to_json(self) -> dict[str, Any]:
        """As one JSON object."""
        return asdict(self)


def read_choice(value: object) -> FileChoice | None:
    """The choice in a request or a record; None for what is none."""
    given = mapping(value)
    variant, limit = given.get("variant"), number(given.get("at_most_mb", 0.0))
    if variant not in VARIANTS or limit is None or not 0 <= limit <= MAX_MEGABYTES:
        return None
    return FileChoice(variant, given.get("portable") is True, limit)


def read_files(value: object) -> tuple[ExtraFile, ...]:
    """The files in a record; those that are not whole are left out."""
    found: list[ExtraFile] = []
    for one in objects(value):
        choice, output = read_choice(one.get("choice")), text(one.get("output"))
        place, size = count(one.get("number")), count(one.get("size"))
        if choice and output and place and size is not None:
            found.append(ExtraFile(place, choice, output, size))
    return tuple(found)


def with_file(files: tuple[ExtraFile, ...], new: ExtraFile) -> tuple[ExtraFile, ...]:
    """The files with a new one, which takes the place of one like it."""
    others = tuple(one for one in files if one.choice != new.choice)
    return (*others, new)[-MAX_FILES:]


def file_options(plan: Mapping[str, Any], choice: FileChoice) -> dict[str, Any]:
    """The options of rendering with which a result's plan makes the file."""
    wanted = {"portable": choice.portable, "at_most_mb": choice.at_most_mb}
    return dict(mapping(plan.get("options"))) | wanted
