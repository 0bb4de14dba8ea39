"""Background threads that take pending tasks in order and supervise a child for each.

One runner a process, which survives a hot reload of the page's modules (``store.process``). It is
only ever used by its methods' names, since after a reload it is an instance of the old class.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from pipeline.logs import set_up, working_on
from pipeline.scratch import sweep
from pipeline.settings import Settings
from pipeline.tasks.adjustment import run_adjustment
from pipeline.tasks.attempt import Execute, execute_in_child, run_task
from pipeline.tasks.form import FORM
from store import ADJUST, Store, default_store, process

log = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
"""Time between two looks for a task that another process handed in."""
RESTORE_SECONDS = 5.0
"""Time between two looks for tasks whose owner died."""
STOP_SECONDS = 15.0
"""How long an orderly stop waits for its threads."""


class Runner:
    """Takes tasks from the store while a worker is free; see the module's docstring."""

    def __init__(
        self, store: Store, settings: Settings, execute: Execute = execute_in_child
    ) -> None:
        self.store = store
        self.settings = settings
        self._execute = execute
        self._stopping = threading.Event()
        self._wake = threading.Condition()
        self._running: dict[str, str] = {}
        self._threads = [
            threading.Thread(target=self._work, name=f"retrack-worker-{n}", daemon=True)
            for n in range(settings.workers)
        ]
        self._threads.append(
            threading.Thread(target=self._restore, name="retrack-restore", daemon=True)
        )

    def start(self) -> None:
        """Starts the threads; the store must have been started."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends running children, gives their tasks back unharmed, and joins the threads."""
        self._stopping.set()
        self.wake()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=STOP_SECONDS)

    def wake(self) -> None:
        """Says that there may be new work, so that nobody waits for the next look."""
        with self._wake:
            self._wake.notify_all()

    def health(self) -> dict[str, Any]:
        """Workers, how many are alive, whether the dead owners' tasks are looked for, what runs."""
        alive = sum(t.is_alive() for t in self._threads if "worker" in t.name)
        return {
            "workers": self.settings.workers,
            "alive": alive,
            "restoring": self._threads[-1].is_alive(),
            "running": dict(self._running),
            "stopping": self._stopping.is_set(),
        }

    def _wait(self, seconds: float) -> None:
        with self._wake:
            if not self._stopping.is_set():
                self._wake.wait(seconds)

    def _work(self) -> None:
        trouble = ""
        while not self._stopping.is_set():
            try:
                busy = self._one()
                trouble = ""
            except Exception as error:  # a worker must outlive any one task; the store keeps it
                if repr(error) != trouble:  # else it is said already, a second ago
                    log.exception("a worker could not take or finish a task; it goes on")
                busy, trouble = False, repr(error)
            if not busy:
                self._wait(IDLE_SECONDS)

    def _one(self) -> bool:
        """Takes and finishes one piece of work; False when there was none."""
        # Adjustments are short and somebody waits for them with the page open.
        task = self.store.claim(ADJUST)
        run = run_adjustment
        if task is None:
            task, run = self.store.claim(), run_task
        if task is None:
            return False
        self._running[task.id] = threading.current_thread().name
        number = task.adjust.number if run is run_adjustment and task.adjust else task.attempts
        try:
            with working_on(task.id, number):
                run(self.store, task, self.settings, self._execute, self._stopping.is_set)
        finally:
            self._running.pop(task.id, None)
        return True

    def _restore(self) -> None:
        while not self._stopping.wait(RESTORE_SECONDS):
            try:
                if self.store.restore_orphans():
                    self.wake()
            except Exception:  # tried again at the next look
                log.exception("could not look for interrupted tasks")


_KEY = "runner"


def get_runner() -> Runner | None:
    """The runner of this process, if it has been started."""
    runner: Runner | None = process.find(_KEY)
    return runner


def start_runner(store: Store | None = None, settings: Settings | None = None) -> Runner:
    """The runner of this process; the first call starts its store and the runner itself."""
    with process.lock(_KEY):
        runner = get_runner()
        if runner is None:
            settings = settings or Settings()
            set_up(settings.log_level, settings.log_format)
            store = store or default_store(settings, FORM)
            store.start()
            for left in sweep():
                log.info("removed what a process that was killed left: %s", left)
            runner = Runner(store, settings)
            runner.start()
            process.keep(_KEY, runner)
        return runner


def stop_runner() -> None:
    """Stops the runner and its store in order; a later ``start_runner`` makes new ones."""
    with process.lock(_KEY):
        runner: Runner | None = process.forget(_KEY)
        if runner is not None:
            runner.stop()
            runner.store.close()
