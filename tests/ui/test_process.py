"""What the started server does to its own process."""

from __future__ import annotations

import json
import os
import resource
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.browser.serving import ROOT, Server

PATIENCE_SECONDS = 180.0


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are Linux's")
def test_it_raises_its_descriptors_and_its_files_are_its_users_alone(
    tmp_path: Path, sample_pair: tuple[Path, Path]
) -> None:
    (tmp_path / "project").mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    os.umask(0o022)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    server = Server(tmp_path / "project" / "outputs", workers="1")
    try:
        server.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        assert psutil.Process(server.pid).rlimit(psutil.RLIMIT_NOFILE) == (hard, hard)
        with socket.create_connection(("localhost", server.port)) as half:
            half.sendall(b"GET / HTTP/1.1\r\n")
            task_id = _submitted(server, sample_pair)
            _wait_for_success(server, task_id)
            half.settimeout(PATIENCE_SECONDS)
            assert half.recv(1) == b"", "the rest of a request is not waited for"
        made = [server.outputs, *server.outputs.rglob("*")]
        names = {path.name for path in made}
        assert {".secret", "task_status.json", f"{task_id}_v2.mp4"} <= names
        assert [path for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
    finally:
        server.stop()


def _submitted(server: Server, pair: tuple[Path, Path]) -> str:
    """The id of a task that the command line hands to the server."""
    environment = {**os.environ, "RETRACK_OUTPUTS": str(server.outputs)}
    command = [sys.executable, "-m", "pipeline", "submit", *map(str, pair)]
    said = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    return said.stdout.strip()


def _wait_for_success(server: Server, task_id: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        task = json.loads((server.outputs / "task_status.json").read_text())[task_id]
        if task["status"] == "success":
            return
        assert task["status"] != "failed" and time.monotonic() < deadline, task
        time.sleep(0.2)
