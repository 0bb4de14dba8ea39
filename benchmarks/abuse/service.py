"""A running service while one visitor, A, asks for all that it can get: what is left for B."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle, islice
from pathlib import Path

import httpx
import psutil

from benchmarks.abuse.visitor import Visitor, described, tasks_of, wait
from pipeline.media.ffmpeg import executable
from pipeline.sample.pair import make_sample
from pipeline.tasks.submit import SPARE_BYTES
from tests.browser.serving import Server
from tests.hostile.measured import table
from tests.hostile.worst import SLOW

ALONE_LOOKS = 3
LOOKS = 5
MOST_TIMES_ALONE = 2.0
DISK_MB = 1500
FILM_BYTES = 12_000_000
"""Of each film with which A fills the disk; its results take as much again, each."""
IDENTITIES = 4
"""The cookies of the one who fills the disk as several visitors."""
A, B = "192.0.2.1", "192.0.2.2"
"""Their addresses, as a proxy says them (RFC 5737)."""
_ENDED = {"success", "failed"}


@contextmanager
def served(folder: Path, **settings: str) -> Iterator[Server]:
    """A private service of one worker."""
    outputs = folder / "outputs"
    outputs.mkdir(parents=True)
    server = Server(outputs, visibility="private", workers="1", **settings).start()
    try:
        yield server
    finally:
        server.stop()


def measure_described(count: int) -> bool:
    """How long B waits for what the page says of a file while A's ``count`` worst wait."""
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as server:
        small = make_sample(Path(name) / "pair")[0].read_bytes()
        worst = [make(Path(name) / file).read_bytes() for file, make in SLOW.items()]
        with Visitor(server) as a, Visitor(server) as b:
            alone = [_described_after(b, small) for _ in range(ALONE_LOOKS)]
            a.choose([a.upload(data) for data in islice(cycle(worst), count)])
            wait(psutil.Process(server.pid).children, "A's first file to be looked at")
            beside = []
            for _ in range(LOOKS):
                time.sleep(1.7)  # at another moment of A's file each time
                beside.append(_described_after(b, small))
            looking = bool(psutil.Process(server.pid).children())
    times = statistics.median(beside) / statistics.median(alone)
    rows = [["B's file is described after", "median", "longest"]]
    for what, found in (("alone", alone), (f"while A has {count} of the worst", beside)):
        rows.append([what, f"{statistics.median(found):.1f} s", f"{max(found):.1f} s"])
    print(table([*rows, ["times as long", f"{times:.1f}", f"{max(beside) / max(alone):.1f}"]]))
    return looking and times <= MOST_TIMES_ALONE


def _described_after(visitor: Visitor, data: bytes) -> float:
    uid = visitor.upload(data)
    began = time.monotonic()
    visitor.choose([uid])
    wait(described(visitor, uid).exists, "B's file to be described")
    return time.monotonic() - began


def measure_turns(count: int) -> bool:
    """How many of A's ``count`` waiting tasks begin before B's one, which is handed in last."""
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as server:
        dance, song = (path.read_bytes() for path in make_sample(Path(name) / "pair"))
        with Visitor(server) as a, Visitor(server) as b:
            dances, reference = [a.upload(dance) for _ in range(count)], a.upload(song)
            own = b.upload(dance), b.upload(song)
            a.hand_in(dances, reference)
            first = set(tasks_of(server))
            b.hand_in([own[0]], own[1])
            (task_id,) = set(tasks_of(server)) - first
            wait(lambda: tasks_of(server)[task_id]["status"] in _ENDED, "B's task")
            found = tasks_of(server)
    task = found[task_id]
    begun = [found[other].get("started_at") for other in first]
    since = [at for at in begun if at and task["created_at"] < at < task["started_at"]]
    rows = [["A's tasks", "begun before B's was there", "begun after that, before B's", "B's task"]]
    before = sum(bool(at) and at <= task["created_at"] for at in begun)
    rows.append([str(len(first)), str(before), str(len(since)), task["status"]])
    print(table(rows))
    return not since and len(first) == count and task["status"] == "success"


def measure_disk() -> bool:
    """What is left of a small disk, and whether B still gets a task, after A has taken all it can:
    as one visitor, then as several."""
    rows = [["A", "A's uploads taken", "A's tasks", "least free MB", "B's upload", "B's task"]]
    fine = True
    for identities in (1, IDENTITIES):
        with tempfile.TemporaryDirectory() as name, small_disk(Path(name) / "disk") as disk:
            pair = make_sample(Path(name) / "pair")
            film = _film(pair[0], Path(name) / "film.mp4").read_bytes()
            with served(disk) as server, _least_free(disk) as least:
                taken = _take_all(server, identities, film, pair[1].read_bytes())
                upload, task = _small_task(server, pair)
            rows.append(
                [
                    "one visitor" if identities == 1 else f"{identities} cookies",
                    f"{sum(taken):,} ({sum(taken) * len(film) / 2**20:,.0f} MB)",
                    str(len(taken)),
                    f"{least[0] / 2**20:,.0f}",
                    upload,
                    task,
                ]
            )
            fine &= least[0] >= SPARE_BYTES and task == "success"
    print(f"A disk of {DISK_MB:,} MB, of which {SPARE_BYTES / 2**20:,.0f} are the reserve.\n")
    print(table(rows))
    return fine


def _take_all(server: Server, identities: int, film: bytes, song: bytes) -> list[int]:
    """Upload and hand in until nothing is taken any more, and let the tasks end; gives how many
    dances each round had."""
    rounds = []
    for _ in range(identities):
        with Visitor(server, A) as a:
            while dances := _uploads(a, film, song):
                *films, reference = dances
                a.hand_in(films, reference)
                rounds.append(len(films))
                wait(lambda: _all_ended(server), "A's tasks", 1800)
    return rounds


def _uploads(visitor: Visitor, film: bytes, song: bytes) -> list[str]:
    """As many films as are taken, behind them the song's; none when not even one of each is."""
    found: list[str] = []
    with suppress(httpx.HTTPStatusError):
        reference = visitor.upload(song)
        with suppress(httpx.HTTPStatusError):
            while True:
                found.append(visitor.upload(film))
        return [*found, reference] if found else []
    return []


def _all_ended(server: Server) -> bool:
    return all(task["status"] in _ENDED for task in tasks_of(server).values())


def _small_task(server: Server, pair: tuple[Path, Path]) -> tuple[str, str]:
    """How B's upload and B's task end."""
    with Visitor(server, B) as b:
        try:
            dance, song = (b.upload(path.read_bytes()) for path in pair)
        except httpx.HTTPStatusError as error:
            return str(error.response.status_code), "–"
        before = set(tasks_of(server))
        b.hand_in([dance], song)
        (task_id,) = set(tasks_of(server)) - before
        wait(lambda: _all_ended(server), "B's task")
        task = tasks_of(server)[task_id]
        return "taken", task.get("reason") or task["status"]


def _film(dance: Path, target: Path) -> Path:
    """The sample's dance, grown to the size with which the disk is filled."""
    rate = f"{FILM_BYTES * 8 // 22}"
    subprocess.run(
        [
            *(executable(), "-v", "error", "-i", dance, "-vf", "noise=alls=60:allf=t"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-b:v", rate, "-minrate", rate),
            *("-maxrate", rate, "-bufsize", rate, "-nal-hrd", "cbr", "-c:a", "copy", "-y", target),
        ],
        check=True,
        timeout=300,
    )
    return target


@contextmanager
def small_disk(folder: Path, megabytes: int = DISK_MB) -> Iterator[Path]:
    """An empty file system in memory. Raises ``SystemExit`` where none can be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(command, check=False).returncode:
        raise SystemExit("a small disk can only be mounted on Linux and by root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def _least_free(disk: Path) -> Iterator[list[int]]:
    """Looks at the disk all the time; the list's one number is the least of free bytes."""
    least, ended = [shutil.disk_usage(disk).free], threading.Event()

    def look() -> None:
        while not ended.wait(0.05):
            least[0] = min(least[0], shutil.disk_usage(disk).free)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield least
    finally:
        ended.set()
        thread.join()
