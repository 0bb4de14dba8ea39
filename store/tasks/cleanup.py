"""The cleanup: old tasks with their files, files of ours that no task names, old history."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from files.place import Place
from store.commit.group_commit import GroupCommit
from store.errors import StoreError
from store.records import transitions
from store.records.draft import Patch
from store.retention import expiry, history, task_files
from store.tasks.reader import Reader

log = logging.getLogger(__name__)

_JUMP_SECONDS = 3600.0
"""How far the wall clock may be ahead of the machine's own before that is a jump."""


class Cleanup:
    """Removes what is old; each step whatever became of the others."""

    def __init__(self, commit: GroupCommit, reader: Reader, files: Place) -> None:
        self._commit = commit
        self._view = commit.view
        self._outputs = commit.view.path.parent
        self._reader = reader
        self._settings = commit.settings
        self._files = files
        self._clocks = self._both_clocks()
        self.next = 0.0
        """When it is due, by ``time.monotonic()``."""

    def run(self) -> int:
        """Cleans up and returns how many tasks were removed; never raises."""
        self.next = time.monotonic() + self._settings.cleanup_seconds
        if self._clock_leapt():
            return 0
        removed, failures = 0, []
        for step in (self._remove_old, self._sweep, self._forget_history):
            try:
                removed += step()
            except (StoreError, OSError) as error:
                failures.append(str(error))
        text = f"the cleanup failed and is tried again: {'; '.join(failures)}" if failures else ""
        self._view.report("cleanup", text)
        return removed

    def remove_files(self, task_ids: Iterable[str]) -> None:
        """Removes the files of tasks that have left and were not brought back meanwhile."""
        departed = set(task_ids) - self._reader.records().keys()
        for task_id in departed:
            task_files.remove_folders(self._outputs, task_id)
        self._files.discard(departed)

    def _clock_leapt(self) -> bool:
        """Whether the wall clock leapt ahead since the last time, so that one wrong moment expires
        nothing. The other clock counts a suspended machine's time as well. After one round of
        waiting the new time is believed.
        """
        before, self._clocks = self._clocks, self._both_clocks()
        ahead = (self._clocks[0] - before[0]) - (self._clocks[1] - before[1])
        if ahead > _JUMP_SECONDS:
            log.warning("the clock leapt ahead by %.0f s; this cleanup is left out", ahead)
        return ahead > _JUMP_SECONDS

    def _both_clocks(self) -> tuple[float, float]:
        since_boot = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        return self._commit.context().now.timestamp(), time.clock_gettime(since_boot)

    def _remove_old(self) -> int:
        exists = self._view.path.exists()
        old = self._commit.submit(Patch(expiry.remove_old)) if exists else {}
        self.remove_files(old)
        log.info("cleanup: %d tasks older than %g h removed", len(old), self._settings.keep_hours)
        return len(old)

    def _sweep(self) -> int:
        state = self._view.now()
        known = state.signature and not state.damage and "unreadable" not in self._view.problems
        if known:  # else the truth about the tasks cannot be read just now
            left, named = history.ids(self._outputs), task_files.named(self._outputs)
            records, hours = self._reader.records(), self._settings.orphan_hours
            kept, departed = named | records.keys(), left - records.keys()
            under_way = transitions.processing(records, lambda owner: True)
            removed = task_files.sweep(self._outputs, kept, departed, hours)
            self._files.sweep(kept, departed, {task_id for task_id, _ in under_way}, hours)
            if removed:
                log.info("cleanup: %d files that no task names removed", len(removed))
        return 0

    def _forget_history(self) -> int:
        with self._commit.lock():
            days, now = self._settings.history_days, self._commit.context().now
            history.forget_old(self._outputs, days, now)
        return 0
