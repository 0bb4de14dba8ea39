"""What the sample's task costs through the whole service: its child's processor time.

    python -m benchmarks.render.sample [--rounds 5]

Each round hands the pair of ``ui/assets`` in to a service of its own, whose runner starts a child
as it does for the page. Takes about 4 s a round.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from pipeline.running.runner import Runner
from pipeline.settings import Settings
from pipeline.tasks.form import FORM
from pipeline.tasks.submit import submit
from store import Store

ASSETS = Path(__file__).resolve().parents[2] / "ui" / "assets"
POLL_SECONDS = 0.05


def children_seconds() -> float:
    """Processor time of all children that have ended."""
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def once(outputs: Path) -> float:
    """Processor seconds of one task's child and its ffmpeg."""
    settings = Settings(outputs=outputs)
    store = Store(settings, FORM)
    store.start()
    runner = Runner(store, settings)
    runner.start()
    before = children_seconds()
    task = submit(
        store,
        settings,
        ASSETS / "sample_dance.mp4",
        ASSETS / "sample_reference.m4a",
        dance_name="sample_dance.mp4",
        reference_name="sample_reference.m4a",
    )
    runner.wake()
    while not task.finished:
        time.sleep(POLL_SECONDS)
        task = store.get(task.id) or task
    runner.stop()  # the child has been awaited then
    store.close()
    if task.status != "success":
        raise SystemExit(f"the task ended as {task.status}")
    return children_seconds() - before


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.render.sample", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    used = []
    for _ in range(parser.parse_args().rounds):
        with tempfile.TemporaryDirectory() as folder:
            used.append(once(Path(folder) / "outputs"))
    print(f"least {min(used):.2f}, median {statistics.median(used):.2f} s of processor time")


if __name__ == "__main__":
    main()
