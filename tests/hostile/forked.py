"""A child that is forked from a process that has already loaded what it needs.

Half of what a small file costs is the start of Python and of its libraries. All that a child does
from its first line on stays the same; for what a child does about its own start use the real one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from io import BufferedReader, FileIO
from types import SimpleNamespace

import pipeline.child.__main__ as child
from pipeline.child import supervise


class Forked:
    """What ``pipeline.child.supervise`` asks of a ``subprocess.Popen``."""

    def __init__(
        self, args: Sequence[str], *, cwd: str, env: Mapping[str, str], **_: object
    ) -> None:
        self.args = args
        self.returncode: int | None = None
        pipes = [os.pipe() for _ in range(3)]
        theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
        ours = [pipes[0][1], pipes[1][0], pipes[2][0]]
        self.pid = os.fork()
        if self.pid == 0:
            _become_child(theirs, cwd, env)
        for end in theirs:
            os.close(end)
        self.stdin = FileIO(ours[0], "w")
        self.stdout, self.stderr = (BufferedReader(FileIO(end)) for end in ours[1:])

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, as that of a ``Popen``; it is only asked for at a child's end."""
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def kill(self) -> None:
        """Ends it."""
        os.kill(self.pid, signal.SIGKILL)


def fork_children() -> None:
    """Has this process fork its children from now on; it must run no threads that hold locks."""
    loads: tuple[Mapping[str, object], ...] = (
        {"kind": "call", "name": "facts"},
        {"kind": "job", "job": {"plans": None}},
    )
    for request in loads:
        child._load(request)
    supervise.subprocess = SimpleNamespace(  # type: ignore[assignment, attr-defined]
        Popen=Forked, PIPE=subprocess.PIPE
    )


def _become_child(ends: Sequence[int], cwd: str, env: Mapping[str, str]) -> None:
    code = 1
    try:
        os.setsid()
        for number, end in enumerate(ends):
            os.dup2(end, number)
        os.closerange(3, os.sysconf("SC_OPEN_MAX") if sys.platform != "linux" else 4096)
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(env)
        tempfile.tempdir = None  # which remembers the parent's
        code = child.main()
    except BaseException:  # noqa: BLE001 - nothing of the parent's may run on in the child
        traceback.print_exc()
    finally:
        os._exit(code)
