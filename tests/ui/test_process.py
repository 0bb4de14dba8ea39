"""What the started server does to its own process."""

from __future__ import annotations

import os
import resource
import stat
import sys
from pathlib import Path

import psutil
import pytest

from tests.browser.serving import Server


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are Linux's")
def test_it_raises_its_descriptors_and_its_files_are_its_users_alone(
    tmp_path: Path, sample_pair: tuple[Path, Path]
) -> None:
    (tmp_path / "project").mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = os.umask(0o022)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        server = Server(tmp_path / "project" / "outputs").start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.umask(before)
    try:
        assert server.process is not None
        assert psutil.Process(server.process.pid).rlimit(psutil.RLIMIT_NOFILE) == (hard, hard)
        files = [path for path in server.outputs.rglob("*") if path.is_file()]
        assert (server.outputs / ".secret") in files
        wide = [path.name for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077]
        assert wide == []
    finally:
        server.stop()
