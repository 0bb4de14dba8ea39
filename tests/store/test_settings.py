"""Settings that are empty, that name a home, and that cannot be meant."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.settings import Settings
from store.settings import PROJECT_ROOT, StoreSettings

ROOT = Path(__file__).resolve().parents[2]


def every_setting() -> list[str]:
    return sorted(f"RETRACK_{name.upper()}" for name in Settings.model_fields)


@pytest.mark.parametrize("name", every_setting())
def test_an_empty_setting_is_the_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for other in every_setting():
        monkeypatch.delenv(other, raising=False)
    default = Settings()
    monkeypatch.setenv(name, "")
    assert Settings() == default
    assert default.outputs == PROJECT_ROOT / "outputs"


def test_the_outputs_may_be_in_somebodys_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RETRACK_OUTPUTS", "~/dances")
    assert StoreSettings().outputs == tmp_path / "dances"


def commands() -> list[list[str]]:
    return [
        [sys.executable, "-m", "store", "check"],
        [sys.executable, "-m", "pipeline", "submit", "a.mp4", "b.mp3"],
        [
            *(
                sys.executable,
                "-m",
                "streamlit",
                "run",
                "streamlit_app.py",
                "--server.headless",
                "true",
            ),
            *("--server.address", "localhost", "--server.port", "0"),
        ],
    ]


def refused(command: list[str], name: str, value: str) -> str:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (1, 2), done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    said = [line for line in done.stderr.splitlines() if name in line]
    assert len(said) == 1, done.stderr
    return said[0]


@pytest.mark.parametrize("command", commands(), ids=["store", "pipeline", "page"])
def test_a_setting_that_cannot_be_meant_is_refused_at_start(command: list[str]) -> None:
    assert "'-1'" in refused(command, "RETRACK_KEEP_HOURS", "-1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OUTPUTS", __file__),
        ("OUTPUTS", "/"),
        ("OUTPUTS", "~nobody-of-this-name/x"),
        ("KEEP_HOURS", "nan"),
        ("KEEP_HOURS", "inf"),
        ("KEEP_HOURS", "1e300"),  # no date is so far away
        ("ORPHAN_HOURS", "-24"),
        ("HISTORY_DAYS", "1e12"),
        ("LOCK_TIMEOUT", "1e12"),  # longer than Python can wait
        ("MAX_ATTEMPTS", "many"),
    ],
)
def test_what_would_break_later_is_refused_at_start(name: str, value: str) -> None:
    assert repr(value) in refused(commands()[0], f"RETRACK_{name}", value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKERS", "0"),
        ("WORKERS", "1000000"),
        ("TASK_TIMEOUT", "inf"),
        ("TASK_MEMORY_MB", "99999999999999999999"),
        ("VISIBILITY", "everybody"),
        ("LOG_LEVEL", "loud"),
        ("MAX_UPLOAD_MB", "-5"),
    ],
)
def test_what_would_break_the_service_is_refused_at_start(name: str, value: str) -> None:
    assert repr(value) in refused(commands()[1], f"RETRACK_{name}", value)


def test_the_level_of_the_log_may_be_written_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETRACK_LOG_LEVEL", "debug")
    assert Settings().log_level == "DEBUG"
