"""The README's first command on a newcomer's machine: a terminal, a display, an empty home."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.browser.serving import free_port

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
LIMIT = 120.0
"""The longest wait for the page (seconds)."""


def environment(folder: Path) -> dict[str, str]:
    """An empty home, a display, and a browser that writes down what it is to open."""
    home, programs = folder / "home", folder / "bin"
    home.mkdir()
    programs.mkdir()
    opener = programs / "xdg-open"
    opener.write_text(f'#!/bin/sh\necho "$1" >> "{folder}/opened"\n')
    opener.chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("STREAMLIT_", "RETRACK_"))}
    for name in ("TERM", "BROWSER", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        kept.pop(name, None)
    return {
        **kept,
        "HOME": str(home),
        "DISPLAY": ":9",
        "PATH": f"{programs}:{os.environ['PATH']}",
        "RETRACK_OUTPUTS": str(folder / "outputs"),
    }


def answer(url: str) -> bytes | None:
    try:
        with urllib.request.urlopen(url, timeout=10) as found:
            return bytes(found.read())
    except OSError:
        return None


@pytest.mark.parametrize("term", [None, "xterm-256color"])
def test_make_app_opens_the_page_and_asks_nothing(tmp_path: Path, term: str | None) -> None:
    port = free_port()
    url = f"http://localhost:{port}"
    ours, theirs = pty.openpty()
    installed = f"{sys.prefix}/.app"  # not installed anew
    running = subprocess.Popen(
        ["make", "-o", installed, f"VENV={sys.prefix}", "app", f"RETRACK_PORT={port}"],
        cwd=ROOT,
        env={**environment(tmp_path), **({"TERM": term} if term else {})},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    said = b""
    try:
        deadline = time.monotonic() + LIMIT
        opened = tmp_path / "opened"
        while not (opened.exists() and (page := answer(url))):
            assert running.poll() is None and time.monotonic() < deadline, said.decode()
            while select.select([ours], [], [], 0.2)[0]:
                said += os.read(ours, 4096)
                assert b"Email" not in said, said.decode()
        assert b"<title>" in page
        assert opened.read_text().split() == [url]
        plain = re.sub(r"\x1b\[[0-9;]*m", "", said.decode())
        assert re.search(rf"URL: {url}\s", plain), plain
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGINT)  # a terminal's Ctrl-C
        try:
            running.wait(120)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait(120)
        os.close(ours)
    assert not (tmp_path / "home" / ".streamlit" / "credentials.toml").exists()


def test_a_python_without_venv_is_told_of_in_one_line(tmp_path: Path) -> None:
    """As on a bare Debian, where ``python3-venv`` brings ensurepip."""
    (tmp_path / "ensurepip.py").write_text("raise ModuleNotFoundError('no ensurepip')\n")
    venv = tmp_path / "venv"
    made = subprocess.run(
        ["make", "install", f"VENV={venv}", f"PYTHON={sys.executable}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert made.returncode != 0
    told = [line for line in made.stderr.splitlines() if not line.startswith("make")]
    assert len(told) == 1 and "sudo apt install python3-venv" in told[0], made.stderr
    assert not venv.exists(), "the next attempt would take it for whole"
