"""Compiles the shim, and takes single promises away from the store to show that tests bite."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
KINDS = {1: "kill before", 2: "kill after", 3: "ENOSPC", 4: "EIO", 5: "short write"}
KINDS |= {6: "half write and kill", 7: "half write and full"}


def shim(folder: Path) -> Path:
    """The compiled shim; skips the test where there is no C compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("the fault shim needs Linux and a C compiler")
    target = folder / "shim.so"
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(target), str(HERE / "shim.c")]
    subprocess.run([*command, "-ldl", "-lpthread"], check=True, timeout=60)
    return target


def drive(script: str, *arguments: str, timeout: float, **environment: str) -> str:
    """Runs a driver script in a process of its own; returns its standard output."""
    root = HERE.parents[2]
    command = [sys.executable, "-m", f"tests.store.faults.{script}", *arguments]
    env = os.environ | {"PYTHONPATH": str(root)} | environment
    run = subprocess.run(
        command, cwd=root, env=env, timeout=timeout, check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-4000:]
    return run.stdout


def sabotage(what: str) -> None:
    """Takes one thing away from the store in this process."""
    from store.commit import group_commit
    from store.file import disk, lock, view

    real_sync: Any = os.fsync

    def sync_but(folders: bool) -> Any:
        def fake(descriptor: int) -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode) != folders:
                real_sync(descriptor)

        return fake

    if what == "file_fsync":
        os.fsync = sync_but(False)
    elif what == "folder_fsync":
        os.fsync = sync_but(True)
    elif what == "lock":

        def enter(self: lock.Lock) -> lock.Lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return self

        lock.Lock.__enter__ = enter  # type: ignore[method-assign]
        lock.Lock.excludes = True  # type: ignore[assignment,method-assign]
        lock.Lock.__exit__ = lambda self, *_: None  # type: ignore[method-assign]
    elif what == "reread":
        real_look = view.View.look_for_update

        def stale(self: view.View) -> Any:
            return self.last or real_look(self)

        real_put = disk.put

        def blind(path: Path, data: bytes | memoryview, **more: Any) -> Any:
            return real_put(path, data, **(more | {"unchanged": lambda: True}))

        view.View.look_for_update = stale  # type: ignore[method-assign]
        group_commit.put = blind  # type: ignore[attr-defined]
    elif what:
        raise ValueError(what)
