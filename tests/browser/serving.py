"""A real server of ours, in a process and an outputs folder of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """``streamlit run`` on a free port; ``start`` again after ``kill`` keeps the port."""

    def __init__(
        self,
        outputs: Path,
        script: str = "streamlit_app.py",
        *,
        arguments: Sequence[str] = (),
        **settings: str,
    ) -> None:
        self.outputs = outputs
        self.root = ROOT  # the checkout that is served
        self.script = script
        self.arguments = arguments
        self.settings = settings
        self.port = free_port()
        scheme = "https" if "--server.sslCertFile" in arguments else "http"
        self.url = f"{scheme}://localhost:{self.port}"
        base = dict(pairwise(arguments)).get("--server.baseUrlPath")
        self.base = f"/{base}" if base else ""
        self.log = outputs.parent / f"{outputs.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        env = {
            **os.environ,
            "RETRACK_OUTPUTS": str(self.outputs),
            "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
            **{f"RETRACK_{name.upper()}": value for name, value in self.settings.items()},
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "streamlit", "run", self.script),
                    *("--server.address", "localhost", "--server.port", str(self.port)),
                    *("--server.headless", "true", "--server.fileWatcherType", "none"),
                    *self.arguments,
                ],
                cwd=self.root,
                env=env,
                stdout=log,
                stderr=log,
            )
        trusting = ssl._create_unverified_context()  # noqa: S323 - our own certificate
        deadline = time.monotonic() + 240  # a loaded machine
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                address = f"{self.url}{self.base}/_stcore/health"
                with urllib.request.urlopen(address, timeout=2, context=trusting):
                    return self
            except OSError:
                time.sleep(0.2)
        self.stop()
        raise RuntimeError(f"the server did not start:\n{self.log.read_text()[-3000:]}")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        """As a power cut would: no time to clean up."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=10)

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=10)


def _serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts servers that stop at the end: even one that nobody visits works now and then.

    ``tasks`` is what the task file holds before the start.
    """
    servers: list[Server] = []

    def start(
        script: str = "streamlit_app.py",
        *,
        tasks: Mapping[str, Any] | None = None,
        arguments: Sequence[str] = (),
        **settings: str,
    ) -> Server:
        outputs = tmp_path_factory.mktemp("served") / "outputs"
        outputs.mkdir()
        if tasks is not None:
            (outputs / "task_status.json").write_text(json.dumps(tasks))
        # One worker, whatever the machine: a task that stands still holds up what is behind it.
        settings = {"workers": "1", **settings}
        servers.append(Server(outputs, script, arguments=arguments, **settings).start())
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
    broken = [
        text for server in servers if "of the page failed" in (text := server.log.read_text())
    ]
    assert not broken, broken[0][-4000:]


serve = pytest.fixture(_serve)
"""Servers of a test."""
serve_module = pytest.fixture(scope="module")(_serve)
serve_session = pytest.fixture(scope="session")(_serve)
