"""Many visitors, a service that is killed again and again, a disk that fills up: what is lost?

Each visitor does what its browser and a person would: sends again what was refused or broken off,
and hands in again what is not in the list. A task may fail for want of space, and is told as such.
Viewers open the page again and again: what it takes until it is drawn is the figure for the page.
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from websockets.exceptions import WebSocketException

from benchmarks.abuse.service import served, small_disk
from benchmarks.abuse.visitor import Visitor, tasks_of
from pipeline.sample.pair import make_sample
from tests.browser.serving import Server
from tests.hostile.measured import table

DISK_MB = 3000
LIFE_SECONDS = 60.0
"""Of the service, between two times that it is killed."""
FULL_SECONDS = 20.0
"""For how long nothing is left on the disk."""
LOOK_SECONDS = 3.0
"""Between two times that a viewer opens the page, and how long it stays."""
STARTING_SECONDS = 15.0
"""After a start, in which all viewers come at once; these looks are told by themselves too."""
ENDING_SECONDS = 600.0
"""For what is still to be done when nobody is killed any more."""
AWAY = (OSError, WebSocketException, httpx.HTTPError, KeyError, IndexError, TimeoutError)
"""What the other side sees of a service that is killed, or whose disk is full."""
_TOLD = {"disk_full", "interrupted"}
"""Reasons for which a task may fail here."""


@dataclass
class Storm:
    """What is going on, and what was seen."""

    server: Server
    ended: threading.Event = field(default_factory=threading.Event)
    """Set when every visitor has handed in what it had."""
    handed_in: list[str] = field(default_factory=list)
    """Names of dances that a visitor has seen in the task file."""
    pages: list[tuple[float, float]] = field(default_factory=list)
    """When a page was asked for, and after how many seconds it was drawn."""
    away: list[tuple[float, float]] = field(default_factory=list)
    """From when to when there was no service, which was killed and started again."""
    refused: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    lives: list[tuple[float, int, float, float]] = field(default_factory=list)
    """Of each life of the service at its end: memory (MB), descriptors, seconds, and its processor
    time without its children's (seconds)."""


def measure_storm(seconds: float, visitors: int, tasks: int, viewers: int) -> bool:
    """Runs it for ``seconds``, and then until all is done; prints what was lost, stuck and used."""
    with tempfile.TemporaryDirectory() as name, small_disk(Path(name) / "disk", DISK_MB) as disk:
        pair = [path.read_bytes() for path in make_sample(Path(name) / "pair")]
        with served(disk) as server:
            storm = Storm(server)
            each = [tasks // visitors + (n < tasks % visitors) for n in range(visitors)]
            busy = [
                _thread(_visit, storm, pair, number, count) for number, count in enumerate(each)
            ]
            looking = [_thread(_look, storm, number) for number in range(viewers)]
            _disturb(storm, seconds, disk)
            deadline = time.monotonic() + ENDING_SECONDS
            for thread in busy:
                thread.join(max(0.0, deadline - time.monotonic()))
            while not _settled(storm) and time.monotonic() < deadline:
                time.sleep(1.0)
            storm.ended.set()
            for thread in looking:
                thread.join(60)
            stuck = sum(thread.is_alive() for thread in busy)
            return _report(storm, stuck, tasks)


def _thread(act: Callable[..., None], *given: object) -> threading.Thread:
    thread = threading.Thread(target=act, args=given, daemon=True)
    thread.start()
    return thread


def _disturb(storm: Storm, seconds: float, disk: Path) -> None:
    """Kills the service at the end of each life, and fills the disk twice, in the midst of one."""
    began = time.monotonic()
    full = [seconds / 3, 2 * seconds / 3]
    life = began
    while (now := time.monotonic()) < began + seconds:
        if full and now - began > full[0]:
            full.pop(0)
            _fill(disk)
        if now - life > LIFE_SECONDS:
            _note_life(storm, now - life)
            killed = time.monotonic()
            storm.server.kill()
            storm.server.start()
            life = time.monotonic()
            storm.away.append((killed, life))
        time.sleep(0.5)
    _note_life(storm, time.monotonic() - life)


def _note_life(storm: Storm, seconds: float) -> None:
    process = psutil.Process(storm.server.pid)
    memory = process.memory_info().rss / 2**20
    times = process.cpu_times()
    storm.lives.append((memory, process.num_fds(), seconds, times.user + times.system))


def _fill(disk: Path) -> None:
    filler = disk / "filler"
    with filler.open("wb") as file:
        until = time.monotonic() + FULL_SECONDS
        while time.monotonic() < until:  # what others free is taken as well
            with suppress(OSError):
                free = shutil.disk_usage(disk).free
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), max(free, 4096))
            time.sleep(0.2)
    filler.unlink()


def _visit(storm: Storm, pair: Sequence[bytes], number: int, count: int) -> None:
    """One visitor, who makes ``count`` tasks one after the other."""
    visitor, chance = Visitor(storm.server), random.Random(number)
    for turn in range(count):
        name = f"{number}-{turn}.mp4"
        whole: list[str] = []
        while not _in_file(storm, name):
            time.sleep(chance.uniform(0.5, 3.0))
            with suppress(*AWAY):
                while len(whole) < len(pair):
                    whole.append(_sent(storm, visitor, pair[len(whole)], name))
                with visitor:
                    visitor.hand_in(whole[:1], whole[1])
                if not _in_file(storm, name):
                    storm.refused["not handed in"] += 1
                    _check_kept(storm, visitor, whole)
        storm.handed_in.append(name)


def _sent(storm: Storm, visitor: Visitor, data: bytes, name: str) -> str:
    try:
        return visitor.upload(data, name)
    except httpx.HTTPStatusError as error:
        storm.refused[f"{error.request.method} {error.response.status_code}"] += 1
        raise


def _check_kept(storm: Storm, visitor: Visitor, uids: list[str]) -> None:
    """What was uploaded and is in no task must be there, or it has to be sent again."""
    gone = [uid for uid in uids if visitor.sender.request("HEAD", uid).is_client_error]
    storm.lost += [f"upload {uid}" for uid in gone]
    if gone:
        uids.clear()


def _in_file(storm: Storm, name: str) -> bool:
    with suppress(ValueError):
        return any(task.get("dance_name") == name for task in tasks_of(storm.server).values())
    return False


def _look(storm: Storm, number: int) -> None:
    """A viewer, who opens the page, stays and leaves until the end."""
    visitor, chance = Visitor(storm.server), random.Random(-number)
    while not storm.ended.wait(chance.uniform(0, 2 * LOOK_SECONDS)):
        began = time.monotonic()
        with suppress(*AWAY), visitor:
            storm.pages.append((began, time.monotonic() - began))
            storm.ended.wait(LOOK_SECONDS)


def _drawn(pages: Sequence[tuple[float, float]]) -> str:
    seconds = sorted(seconds for _, seconds in pages) or [0.0]
    median, late = statistics.median(seconds), seconds[len(seconds) * 95 // 100]
    return f"{len(pages)}; {median:.2f} s, {late:.2f} s"


def _settled(storm: Storm) -> bool:
    return all(task["status"] in {"success", "failed"} for task in tasks_of(storm.server).values())


def _report(storm: Storm, stuck: int, tasks: int) -> bool:
    found = {task.get("dance_name"): task for task in tasks_of(storm.server).values()}
    lost = [name for name in storm.handed_in if name not in found] + storm.lost
    ends = Counter(task.get("reason") or task["status"] for task in found.values())
    unended = [name for name, task in found.items() if task["status"] in {"pending", "processing"}]
    wrong = set(ends) - {"success", "pending", "processing"} - _TOLD
    waited = [page for page in storm.pages if any(a <= page[0] <= b for a, b in storm.away)]
    served = [page for page in storm.pages if page not in waited]
    gone = ", ".join(f"{b - a:.0f}" for a, b in storm.away)
    settled = [p for p in served if not any(b < p[0] < b + STARTING_SECONDS for _, b in storm.away)]
    lives = ", ".join(f"{seconds:.0f}" for *_, seconds, _ in storm.lives)
    spent = ", ".join(f"{cpu / seconds:.2f}" for *_, seconds, cpu in storm.lives)
    refused = ", ".join(f"{why} {number}" for why, number in storm.refused.most_common())
    memory = ", ".join(f"{memory:.0f}" for memory, *_ in storm.lives)
    rows = [
        ["what", "seen"],
        ["times killed; seconds of each life", f"{len(storm.lives) - 1}; {lives}"],
        ["tasks handed in", f"{len(storm.handed_in)} of {tasks}"],
        ["how they ended", ", ".join(f"{end} {n}" for end, n in ends.most_common())],
        ["lost", ", ".join(lost) or "nothing"],
        ["stuck", f"{len(unended)} tasks, {stuck} visitors"],
        ["refused, and tried again", refused or "nothing"],
        ["memory at the end of each life, MB", memory],
        ["descriptors then", ", ".join(str(number) for _, number, *_ in storm.lives)],
        ["processors that the server used itself", spent],
        ["seconds without a service", gone or "none"],
        ["page drawn: times; median, 95 %", _drawn(served)],
        [f"without the {STARTING_SECONDS:.0f} s after each start: the same", _drawn(settled)],
        ["page asked for meanwhile: the same", _drawn(waited)],
    ]
    print(table(rows))
    return not lost and not unended and not stuck and not wrong
