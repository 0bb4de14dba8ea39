"""The server's memory while a large file goes in, is looked into and goes out."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from benchmarks.dashboard.rows import MB, random_file, records, row, write_records
from benchmarks.dashboard.stock import Stock
from tests.browser.serving import Server
from tests.browser.tus import Sender

PIECE_BYTES = 16 * MB
"""How much the uploader component sends in a request."""


def measure_memory(upload_mb: int, result_mb: int) -> None:
    """Growth of resident memory for an upload, a seek and a download, ours and stock."""
    with tempfile.TemporaryDirectory() as folder:
        task_id, record = next(iter(records(1).items()))
        server = Server(Path(folder) / "outputs", visibility="shared")
        name = f"{task_id}_modular.mp4"
        result = random_file(server.outputs / "results" / task_id / name, result_mb)
        record["modular_output"] = f"outputs/results/{task_id}/{name}"
        write_records(server.outputs, {task_id: record})
        url = f"/files/{task_id}/modular"
        server.start()
        try:
            httpx.get(server.url)  # the page itself, so that idle is what it is with a visitor
            for what, act in (
                (f"upload of {upload_mb:,} MB", lambda: _upload(server, upload_mb)),
                (f"seek in {result_mb:,} MB", lambda: seek(f"{server.url}{url}", result_mb)),
                (
                    f"download of {result_mb:,} MB",
                    lambda: drain(f"{server.url}{url}?download=1", result_mb * MB),
                ),
            ):
                _measure(f"{what} by our route", server.pid, act, " (under 150 wished)")
        finally:
            server.stop()
        upload = random_file(Path(folder) / "upload.mp4", upload_mb)
        _measure_stock(Path(folder), upload, result, result_mb)


def _measure_stock(folder: Path, upload: Path, result: Path, result_mb: int) -> None:
    """The same by the stock widgets; a fresh server each, for they keep what they took."""
    with Stock(folder, result) as stock:
        _measure("the same upload by st.file_uploader", stock.pid, lambda: stock.upload(upload))
    with Stock(folder, result) as stock:
        what = f"opening the same {result_mb:,} MB in st.video"
        _measure(what, stock.pid, stock.show)
        url = stock.video_url()
        _measure("seek in it, beyond that", stock.pid, lambda: seek(url, result_mb))
    with Stock(folder, result) as stock:
        # As it is, like ours: a browser asks for it compressed, and a compressed gigabyte had not
        # begun to come after twenty minutes.
        _measure(
            "download of it by st.download_button",
            stock.pid,
            lambda: drain(stock.download_url(), result_mb * MB, **{"Accept-Encoding": "identity"}),
        )


def _measure(what: str, pid: int, act: Callable[[], None], wished: str = "") -> None:
    begin = time.perf_counter()
    with peak(psutil.Process(pid)) as found:
        act()
    seconds = time.perf_counter() - begin
    row(
        f"server's memory, {what}",
        f"{found['peak'] - found['before']:+,.0f} MB{wished}, from {found['before']:,.0f} MB;"
        f" {seconds:.1f} s",
    )


@contextmanager
def peak(process: psutil.Process) -> Iterator[dict[str, float]]:
    """Resident memory (MB) of a process: before, and the largest while the block runs."""
    resident = process.memory_info().rss / MB
    found = {"before": resident, "peak": resident}
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            found["peak"] = max(found["peak"], process.memory_info().rss / MB)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


def _upload(server: Server, megabytes: int) -> None:
    """What the uploader component does, by HTTP."""
    sender = Sender(server)
    piece = os.urandom(PIECE_BYTES)
    uid = sender.begin(megabytes * MB)
    for offset in range(0, megabytes * MB, PIECE_BYTES):
        sender.send(uid, offset, piece[: megabytes * MB - offset]).raise_for_status()
    if sender.file(uid).stat().st_size != megabytes * MB:
        raise RuntimeError("the upload is not whole")


def seek(url: str, megabytes: int) -> None:
    """What a player does after a jump: it asks for the file from its middle on."""
    middle = megabytes * MB // 2
    drain(url, 8 * MB, Range=f"bytes={middle}-{middle + 8 * MB - 1}")


def drain(url: str, expected: int, **headers: str) -> None:
    """Take a body and check its length; raises ``RuntimeError``."""
    with httpx.stream("GET", url, headers=headers, timeout=300) as answer:
        answer.raise_for_status()
        got = sum(len(part) for part in answer.iter_raw())
    if got != expected:
        raise RuntimeError(f"{url} gave {got} bytes, not {expected}")
