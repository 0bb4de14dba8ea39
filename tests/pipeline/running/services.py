"""Services as processes of their own, their children, and tasks for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

from pipeline.child.supervise import ROOT
from pipeline.settings import Settings
from pipeline.tasks.submit import submit
from store import Store, Task


def hand_in(store: Store, settings: Settings, pair: tuple[Path, Path]) -> Task:
    return submit(store, settings, *pair, dance_name="class.mp4", reference_name="song.m4a")


def workers_of(pid: int) -> list[psutil.Process]:
    """The children that do media work for a service, and what they started.

    A test process has other children too: the browser's driver, a resource tracker.
    """
    found: list[psutil.Process] = []
    try:
        for child in psutil.Process(pid).children():
            if "pipeline.child" in child.cmdline():
                found += [child, *child.children(recursive=True)]
    except psutil.NoSuchProcess:
        pass
    return found


def start_service() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.pipeline.running.service_process"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process
