"""What of a run's answer stays in the task file, and what goes beside the results.

A finished task's record keeps what its row in the table shows; its plans, the segments of its
alignment, its timings and the like go into a file of its own (``store.retention.details``), which
``store.get`` reads again. Records of before have all of it inline, and are read as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.model import BEST_FIRST, VARIANTS
from pipeline.plan.options import RenderOptions
from pipeline.tasks.answer import read_answer
from pipeline.tasks.extra_files import read_files
from pipeline.tasks.record import MADE_SIZE, VARIANT_KEYS, value_of
from pipeline.tasks.values import count, mapping, objects
from store import details

if TYPE_CHECKING:
    from store import Task

log = logging.getLogger(__name__)

FIELDS = ("alignment", "plans", "timings", "warnings", "detail", "files")
KEYS = (
    *FIELDS,
    *(key for keys in VARIANT_KEYS.values() for key in keys if key.endswith(("_size", "_notes"))),
)
IN_A_ROW = frozenset({"same_file"})
"""Warnings by which a row of the table is read differently."""
MAX_DETAIL_LETTERS = 200
"""So much of an error's text stays in the record."""


class Details:
    """The details of one run: :meth:`put` before a change of the record, :meth:`saved` after."""

    def __init__(self, outputs: Path, task: Task) -> None:
        """Begins with what the task has, and removes what crashes left of other versions."""
        task = details.whole(outputs, task)
        given = {key: value_of(task, key) for key in KEYS}
        self.values: dict[str, Any] = {key: value for key, value in given.items() if value}
        self._outputs = outputs
        self._id = task.id
        self._names = [str(task.extra.get(details.KEY))]
        """Versions that the record may name; the last one is the newest."""
        for path in (outputs / "results" / task.id).glob(f"{details.KEY}-*.json"):
            if path.stem != f"{details.KEY}-{self._names[0]}":
                with suppress(OSError):
                    path.unlink()

    @property
    def plans(self) -> Mapping[str, Any]:
        """The plans by variant, so far."""
        return mapping(self.values.get("plans"))

    def put(self, **values: Any) -> dict[str, Any]:
        """Writes those of ``values`` that belong aside (a None takes one away), synced; returns
        all changes that the record needs. Never raises for the disk: a result counts more than its
        details.
        """
        aside = {key: values.pop(key) for key in KEYS if key in values}
        self.values = {k: v for k, v in (self.values | aside).items() if v is not None}
        row = values | _row(self.values)
        if all(row[key] == value for key, value in self.values.items()):
            return {**row, details.KEY: None}
        try:
            name = details.write(self._outputs, self._id, self.values)
        except OSError as error:
            log.warning("[%s] its details are not saved: %s", self._id, error)
            return row
        self._names.append(name)
        return {**row, details.KEY: name}

    def saved(self) -> None:
        """The record names the newest version: the ones before go."""
        *earlier, newest = self._names
        self._names = [newest]
        for name in earlier:
            if path := details.path_of(self._outputs, self._id, name):
                with suppress(OSError):
                    path.unlink()


def _row(values: Mapping[str, Any]) -> dict[str, Any]:
    """What of the details stays in the record; None for a key that leaves it."""
    row: dict[str, Any] = dict.fromkeys(KEYS)
    row[MADE_SIZE] = _made_bytes(values) or None
    if isinstance(values.get("alignment"), Mapping):
        row["alignment"] = _verdict(values["alignment"])
    if values.get("detail"):
        row["detail"] = str(values["detail"])[:MAX_DETAIL_LETTERS]
    given = objects(values.get("warnings"))
    return row | {"warnings": [w for w in given if w.get("code") in IN_A_ROW] or None}


def _made_bytes(values: Mapping[str, Any]) -> int:
    """Bytes of the results and of the files that were made of them."""
    results = (count(values.get(f"{name}_size")) or 0 for name in VARIANTS)
    return sum(results) + sum(file.size for file in read_files(values.get("files")))


def _verdict(alignment: Mapping[str, Any]) -> dict[str, Any]:
    """The alignment as far as the verdict in the table goes; of a place that a person gave, no
    figures are shown.
    """
    hint, kept = alignment.get("hint"), alignment.get("automatic")
    row: dict[str, Any] = {}
    if isinstance(hint, Mapping) and alignment.get("matched") is not False:
        row["hint"] = {"offset": hint.get("offset")}
    else:
        figures = ("matched", "confidence", "agreement_ms")
        row = {key: alignment[key] for key in figures if alignment.get(key) is not None}
    # The list takes the same result for the better one as the task's own page.
    if (best := min(BEST_FIRST, key=read_answer(alignment).rank)) != BEST_FIRST[0]:
        row["best"] = best
    row |= {key: True for key in ("ambiguous", "by_hand") if alignment.get(key) is True}
    if isinstance(kept, Mapping) and kept.get("ambiguous") is True:
        row["automatic"] = {"ambiguous": True}
    return row


def unusual_options(options: Mapping[str, Any]) -> dict[str, Any] | None:
    """The options of a success that are not what they would be anyway; its place stands in its
    alignment. None for none.
    """
    usual = {**RenderOptions().to_json(), "hint": options.get("hint")}
    return {key: value for key, value in options.items() if usual.get(key, ...) != value} or None
