"""A child process that decodes a stranger's file has nothing but what decoding needs."""

from __future__ import annotations

import os
import resource
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from pipeline import reasons
from pipeline.child import landlock, priority, sandbox
from pipeline.child.supervise import ROOT, call
from pipeline.media.ffmpeg import executable

LOOK = """
import json, os, resource, socket, subprocess, sys
from pathlib import Path
import pipeline.child.calls as calls

def look(arguments, limits, report):
    def opens(family, kind):
        try:
            socket.socket(family, kind).close()
        except PermissionError:
            return False
        return True
    ffmpeg = [arguments["ffmpeg"], "-v", "error", "-i", arguments["address"], "-f", "null", "-"]
    asked = subprocess.run(ffmpeg, capture_output=True, text=True, timeout=60)
    def can(action, *given):
        try:
            action(*given)
        except PermissionError:
            return False
        return True
    own = os.getpid()
    ffmpeg[ffmpeg.index("-i") + 1] = "file:" + arguments["others"][0]
    other = subprocess.run(ffmpeg, capture_output=True, text=True, timeout=60)
    made = Path(arguments["out"])
    made.write_bytes(b"x")
    status = Path("/proc/self/status").read_text() if sys.platform == "linux" else ""
    return {
        "environment": sorted(os.environ),
        "sockets": [opens(family, kind) for family in (socket.AF_INET, socket.AF_UNIX)
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)],
        "ffmpeg": asked.stderr,
        "ffmpeg_of_others": other.stderr,
        "reads_its_own": can(Path(arguments["path"]).read_bytes),
        "writes_to_its_own": can(Path(arguments["path"]).write_bytes, b""),
        "reads": [name for name in arguments["others"] if can(Path(name).read_bytes)],
        "lists": [name for name in arguments["folders"] if can(os.listdir, name)],
        "writes": [name for name in arguments["folders"] if can(open, f"{name}/{own}", "xb")],
        "temporary": can((Path(os.environ["TMPDIR"]) / "x").touch),
        "signals": can(os.kill, os.getppid(), 0),
        "no_new_privs": "NoNewPrivs:\\t1" in status,
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        "size": resource.getrlimit(resource.RLIMIT_FSIZE)[1],
        "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "group": group.read_text() if (group := Path("/proc/self/autogroup")).exists() else "",
    }

calls.CALLS["look"] = look
"""


@pytest.fixture
def looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a real child finds when it looks around after it was confined."""
    start = tmp_path / "program" / "start.py"
    start.parent.mkdir()
    start.write_text(f"{LOOK}\nfrom pipeline.child.__main__ import main\nsys.exit(main())\n")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{start}"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("RETRACK_CANARY", "a secret of the service")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another one")
    for name in ("mine", "theirs/film"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    other = [str(tmp_path / "theirs/film"), "/etc/passwd", "/etc/hosts", str(ROOT / "README.md")]
    with socket.create_server(("127.0.0.1", 0)) as server:
        arguments = {
            "ffmpeg": executable(),
            "address": f"tcp://127.0.0.1:{server.getsockname()[1]}?timeout=2000000",
            "out": str(tmp_path / "results/made"),
            "path": str(tmp_path / "mine"),
            "others": [*other, f"/proc/{os.getpid()}/environ"],
            "folders": [str(tmp_path), str(tmp_path / "theirs"), tempfile.gettempdir(), str(ROOT)],
        }
        result = call("look", arguments, timeout=120)
    assert result.outcome is not None, result
    return {**result.outcome, "made": tmp_path / "results/made"}


def test_it_knows_no_secrets(looked: dict[str, Any]) -> None:
    own = {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "PYTHONPATH"}
    own |= {
        "PYTHONUNBUFFERED",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
        "LC_CTYPE",
    }  # the shell's and Python's
    assert set(looked["environment"]) <= sandbox.KEPT | own


@pytest.mark.skipif(not sandbox.has_network_lock(), reason="no filter of system calls here")
def test_neither_it_nor_its_ffmpeg_has_a_network(looked: dict[str, Any]) -> None:
    assert looked["sockets"] == [False] * 4
    assert "ermission denied" in looked["ffmpeg"]
    assert looked["no_new_privs"]


@pytest.mark.skipif(not landlock.version(), reason="no Landlock here")
def test_neither_it_nor_its_ffmpeg_opens_a_file_of_others(looked: dict[str, Any]) -> None:
    assert looked["reads_its_own"] and looked["temporary"]
    assert looked["reads"] == looked["lists"] == looked["writes"] == []
    assert not looked["writes_to_its_own"], "uploads are read only"
    assert "ermission denied" in looked["ffmpeg_of_others"]
    if landlock.version() >= 6:
        assert not looked["signals"], "nor does it end the service"


def test_without_landlock_nothing_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)
    assert not landlock.restrict([], [])
    Path("/etc/passwd").read_bytes()


def test_its_files_are_few_small_and_private(looked: dict[str, Any]) -> None:
    assert looked["files"] <= sandbox.OPEN_FILES
    assert 0 < looked["size"] != resource.RLIM_INFINITY
    assert looked["core"] == 0
    assert stat.S_IMODE(looked["made"].stat().st_mode) == 0o600


def test_it_yields_to_who_started_it(looked: dict[str, Any]) -> None:
    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    assert looked["niceness"] == min(niceness + priority.NICENESS, priority.MAX_NICENESS)
    group = Path("/proc/self/autogroup")
    if not group.exists() or not priority.yields():
        pytest.skip("no scheduling group for each session here")
    own, _, given = group.read_text().split() or ("", "", "0")  # nothing where no session was made
    name, _, found = looked["group"].split()
    assert name != own
    assert int(found) == min(int(given) + priority.NICENESS, priority.MAX_NICENESS)


@pytest.mark.parametrize(
    ("parents", "given"),
    [("", "10"), ("/autogroup-1 nice 4\n", "14"), ("/autogroup-2 nice 0\n", "")],
)
def test_it_yields_from_a_group_of_its_own(tmp_path: Path, parents: str, given: str) -> None:
    """Also where the server is in no session's group, as a container starts it."""
    own = "/autogroup-2 nice 0\n"
    for process, text in (("self", own), (str(os.getpid()), parents)):
        (tmp_path / process).mkdir()
        (tmp_path / process / "autogroup").write_text(text)
    script = (
        "import sys; from pathlib import Path; from pipeline.child import priority\n"
        "priority._PROCESSES = Path(sys.argv[1])\n"
        "priority.step_back()\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, timeout=60, check=True)
    assert (tmp_path / "self" / "autogroup").read_text() == (given or own)


def test_a_file_beyond_the_limit_has_its_reason(tmp_path: Path) -> None:
    script = (
        "import sys; from pipeline.child import sandbox; from pipeline.reasons import reason_of\n"
        "sandbox.confine(memory_mb=4096, cpu_seconds=60, upload_mb=1)\n"
        "file, most = open(sys.argv[1], 'wb'), sandbox.FILE_SIZE_FACTOR * 2**20\n"
        "file.truncate(most)\n"
        "try: file.truncate(most + 1)\n"
        "except OSError as error: print(reason_of(error))\n"
    )
    target = tmp_path / "file"
    command = [sys.executable, "-c", script, str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == [reasons.TOO_LARGE]
    assert target.stat().st_size == sandbox.FILE_SIZE_FACTOR * 2**20
