"""What is installed: the lock holds what is asked for, and the app needs no drawing library."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
DRAWS = re.compile(r"^\s*(?:from|import) (?:moviepy|pipeline\.sample)\b", re.MULTILINE)


def test_the_lock_holds_what_the_app_asks_for() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    asked = PIN.findall((ROOT / "requirements.txt").read_text())
    assert len(asked) > 10
    assert set(asked) <= set(PIN.findall(lock)), "make lock"
    for part in re.split(r"\n(?=\S)", lock):
        assert part.startswith("#") or "--hash=sha256:" in part, part


def test_what_draws_the_sample_is_no_part_of_the_running_app() -> None:
    """MoviePy holds Pillow at a release with known faults; only our own scripts use it."""
    folders = ("files", "pipeline", "store", "ui")
    sources = [ROOT / "streamlit_app.py", *(p for f in folders for p in (ROOT / f).rglob("*.py"))]
    drawing = {
        path.relative_to(ROOT).as_posix()
        for path in sources
        if DRAWS.search(path.read_text()) and path.parent.name != "sample"
    }
    assert drawing == {"ui/assets/__main__.py"}
