"""A background thread that takes pending tasks in order, and one more for each task under way.

One runner a process, which survives a hot reload of the page's modules (``store.process``). It is
only ever used by its methods' names, since after a reload it is an instance of the old class.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from pipeline.child import cached_calls
from pipeline.engine.model import Engine, Execute, Workers
from pipeline.engine.threads import engine_of
from pipeline.logs import set_up, working_on
from pipeline.running.adjustment import run_adjustment
from pipeline.running.attempt import run_task
from pipeline.scratch import sweep
from pipeline.settings import Settings
from pipeline.tasks.form import FORM
from store import ADJUST, TASK, Store, Task, default_store, process

log = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
"""Time between two looks for a task that another process handed in."""
RESTORE_SECONDS = 5.0
"""Time between two looks for tasks whose owner died."""
STOP_SECONDS = 15.0
"""How long an orderly stop waits for its threads."""
Run = Callable[[Store, Task, Settings, Execute, Callable[[], bool]], None]


class Runner:
    """Takes tasks from the store while the engine has a free place; see the module's docstring."""

    def __init__(self, store: Store, settings: Settings, engine: Engine | None = None) -> None:
        self.store = store
        self.settings = settings
        self._engine = engine or engine_of(settings, store.files)
        self._workers = Workers(0, 0)
        self._stopping = threading.Event()
        self._wake = threading.Condition()
        self._running: dict[threading.Thread, str] = {}
        self._taking = threading.Thread(target=self._take, name="retrack-runner", daemon=True)
        self._restoring = threading.Thread(
            target=self._restore, name="retrack-restore", daemon=True
        )

    def start(self) -> None:
        """Starts the threads; the store must have been started."""
        self._workers = self._engine.look()
        self._taking.start()
        self._restoring.start()

    def stop(self) -> None:
        """Ends running children and gives their tasks back unharmed, or leaves them to workers
        elsewhere; joins the threads."""
        self._stopping.set()
        self.wake()
        for threads in ((self._taking, self._restoring), self._running):
            for thread in tuple(threads):
                if thread.is_alive():
                    thread.join(timeout=STOP_SECONDS)

    def wake(self) -> None:
        """Says that there may be new work, so that nobody waits for the next look."""
        with self._wake:
            self._wake.notify_all()

    @property
    def slots(self) -> int:
        """How many tasks can run at one time, as last seen."""
        return self._workers.slots

    def health(self) -> dict[str, Any]:
        """Workers, how many are given work, whether both threads live, which tasks run, and what is
        wrong with the workers."""
        return {
            "workers": self.slots,
            "alive": self.slots if self._taking.is_alive() else 0,
            "restoring": self._restoring.is_alive() and self._taking.is_alive(),
            "running": list(self._running.values()),
            "stopping": self._stopping.is_set(),
            "outdated": self._workers.outdated,
            "trouble": self._workers.trouble,
        }

    def _wait(self, seconds: float) -> None:
        with self._wake:
            if not self._stopping.is_set():
                self._wake.wait(seconds)

    def _take(self) -> None:
        trouble = ""
        while not self._stopping.is_set():
            try:
                busy = self._one()
                trouble = ""
            except Exception as error:  # this thread must outlive any trouble of the store
                if repr(error) != trouble:  # else it is said already, a second ago
                    log.exception("the runner could not take a task; it goes on")
                busy, trouble = False, repr(error)
            if not busy:
                self._wait(IDLE_SECONDS)

    def _one(self) -> bool:
        """Takes one piece of work and starts it; False when there was none, or no place for it."""
        self._workers = self._engine.look()
        if len(self._running) >= self.slots or not self._workers.free:
            return False
        # Adjustments are short and somebody waits for them with the page open.
        task = self.store.claim(ADJUST)
        if task is not None:
            self._start(task, run_adjustment)
            return True
        task = self.store.claim()
        if task is not None:
            self._start(task, run_task)
        return task is not None

    def _start(self, task: Task, run: Run) -> None:
        def work() -> None:
            adjustment = task.adjust if run is run_adjustment else None
            try:
                with working_on(task.id, adjustment.number if adjustment else task.attempts):
                    run(
                        self.store, task, self.settings, self._engine.execute, self._stopping.is_set
                    )
            except Exception:  # the store keeps the task
                log.exception("[%s] the task could not be finished", task.id)
            finally:
                del self._running[thread]
                self.wake()

        thread = threading.Thread(target=work, name=f"retrack-{task.id}", daemon=True)
        self._running[thread] = task.id
        thread.start()

    def _restore(self) -> None:
        self._restore_once()
        while not self._stopping.wait(RESTORE_SECONDS):
            self._restore_once()

    def _restore_once(self) -> None:
        """Takes up what a dead service has left: the work itself where that goes on elsewhere, else
        the tasks."""
        try:
            if self._engine.outlives:
                for kind, run in ((ADJUST, run_adjustment), (TASK, run_task)):
                    while (task := self.store.take_over(kind)) is not None:
                        self._start(task, run)
            elif self.store.restore_orphans():
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
            engine = engine_of(settings, store.files)
            store.start(restore=not engine.outlives)
            for left in sweep():
                log.info("removed what a process that was killed left: %s", left)
            runner = Runner(store, settings, engine)
            runner.start()
            cached_calls.go_through(engine.call, store.files.stat)
            process.keep(_KEY, runner)
        return runner


def stop_runner() -> None:
    """Stops the runner and its store in order; a later ``start_runner`` makes new ones."""
    with process.lock(_KEY):
        runner: Runner | None = process.forget(_KEY)
        if runner is not None:
            cached_calls.stay_here()
            runner.stop()
            runner.store.close()
