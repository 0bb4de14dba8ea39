"""What the page costs: script runs, viewers, uploads and players.

    python -m benchmarks.dashboard [--upload-mb 2048] [--result-mb 1024] [--viewers 1 20]

Our routes and Streamlit's stock widgets run in the same session on the same machine, so
that the ratios mean something where absolute numbers do not.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.browser.serving import ROOT, Server, free_port
from ui.routes.visitor import COOKIE, new_key, sign, visitor_name

MB = 1024 * 1024
STOCK = """
import streamlit as st
from pathlib import Path
what = st.query_params.get("what", "idle")
path = Path({path!r})
if what == "upload":
    st.file_uploader("file", max_upload_size=8192)
elif what == "video":
    st.video(path)
elif what == "download":
    st.download_button("get", lambda: path.read_bytes(), file_name="result.mp4")
else:
    st.write("idle")
"""


def records(count: int) -> dict[str, Any]:
    """A file of tasks that ended well."""
    now = datetime.now(UTC)
    found = {}
    for number in range(count):
        at = now - timedelta(seconds=number)
        found[str(uuid.uuid4())] = {
            "status": "success",
            "message": "处理成功",
            "created_at": at.isoformat(),
            "started_at": at.isoformat(),
            "completed_at": (at + timedelta(seconds=40)).isoformat(),
            "modular_output": None,
            "v2_output": None,
            "dance_name": f"dance {number}.mp4",
            "reference_name": "song.m4a",
            "dance_size": 50_000_000,
            "alignment": {"matched": True, "confidence": 0.97, "agreement_ms": 2.5},
        }
    return found


def script_runs(counts: list[int], rounds: int) -> None:
    """Median time of a whole script run (AppTest, no browser), by tasks in the file."""
    print("\n| tasks in the file | script run, median ms | largest ms |\n|---|---|---|")
    code = (
        "import sys, time, statistics\n"
        "from streamlit.testing.v1 import AppTest\n"
        "page = AppTest.from_file('streamlit_app.py', default_timeout=120).run()\n"
        "assert not page.exception\n"
        "page.run(); times = []\n"
        f"for _ in range({rounds}):\n"
        "    begin = time.perf_counter(); page.run()\n"
        "    times.append(1000 * (time.perf_counter() - begin))\n"
        "print(statistics.median(times), max(times))\n"
    )
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            outputs = Path(folder) / "outputs"
            outputs.mkdir()
            (outputs / "task_status.json").write_text(json.dumps(records(count)))
            env = {**os.environ, "RETRACK_OUTPUTS": str(outputs), "RETRACK_VISIBILITY": "shared"}
            answer = subprocess.run(
                [sys.executable, "-c", code],
                cwd=ROOT, env=env, capture_output=True, text=True, check=True,
            )  # fmt: skip
            middle, worst = map(float, answer.stdout.split()[-2:])
            print(f"| {count:,} | {middle:.0f} | {worst:.0f} |", flush=True)


@contextmanager
def peak(process: psutil.Process) -> Iterator[dict[str, float]]:
    """Resident memory (MB) of the server: before, and the largest while the block runs."""
    found = {"before": process.memory_info().rss / MB, "peak": 0.0}
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            found["peak"] = max(found["peak"], process.memory_info().rss / MB)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield found
    stop.set()
    thread.join()


def row(what: str, memory: dict[str, float], seconds: float, limit: str = "") -> None:
    grown = memory["peak"] - memory["before"]
    print(
        f"| {what} | {memory['before']:.0f} | {memory['peak']:.0f} | {grown:+.0f}{limit}"
        f" | {seconds:.1f} |",
        flush=True,
    )


def upload_by_tus(server: Server, megabytes: int) -> None:
    """What the uploader component does, by HTTP: announce, then pieces of 16 MiB."""
    key = new_key()
    secret = (server.outputs / ".secret").read_bytes()
    headers = {
        "Tus-Resumable": "1.0.0",
        "X-Retrack-Token": sign(secret, "upload", visitor_name(key)),
    }
    piece = os.urandom(MB) * 16
    with httpx.Client(cookies={COOKIE: key}, timeout=120, base_url=server.url) as client:
        answer = client.post(
            "/uploads/files",
            headers={
                **headers,
                "Upload-Length": str(megabytes * MB),
                "Upload-Metadata": "filename YQ==,filetype YQ==",
            },
        )
        answer.raise_for_status()
        place = answer.headers["location"].rpartition("/")[2]
        for offset in range(0, megabytes * MB, len(piece)):
            client.patch(
                f"/uploads/files/{place}",
                content=piece[: megabytes * MB - offset],
                headers={
                    **headers,
                    "Upload-Offset": str(offset),
                    "Content-Type": "application/offset+octet-stream",
                },
            ).raise_for_status()


def big_task(server: Server, megabytes: int) -> str:
    """A success whose result has this size."""
    task_id, record = next(iter(records(1).items()))
    folder = server.outputs / "results" / task_id
    folder.mkdir(parents=True)
    path = folder / f"{task_id}_modular.mp4"
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(MB))
    record["modular_output"] = f"outputs/results/{task_id}/{path.name}"
    (server.outputs / "task_status.json").write_text(json.dumps({task_id: record}))
    return task_id


def drain(url: str, **headers: str) -> None:
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        while answer.read(MB):
            pass


def memory(upload_mb: int, result_mb: int) -> None:
    """Resident memory of the server for an upload, a seek and a download, ours and stock."""
    print("\n| what | before MB | peak MB | growth MB | seconds |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "outputs", visibility="shared")
        server.outputs.mkdir()
        task_id = big_task(server, result_mb)
        server.start()
        try:
            process = psutil.Process(server.pid)
            for what, act in _ours(server, task_id, upload_mb, result_mb):
                begin = time.perf_counter()
                with peak(process) as found:
                    act()
                row(f"ours: {what}", found, time.perf_counter() - begin)
        finally:
            server.stop()
        result = server.outputs / "results" / task_id / f"{task_id}_modular.mp4"
        _stock(Path(folder), result, upload_mb)


def _ours(
    server: Server, task_id: str, upload_mb: int, result_mb: int
) -> list[tuple[str, Callable[[], None]]]:
    url = f"{server.url}/files/{task_id}/modular"
    middle = f"bytes={result_mb * MB // 2}-{result_mb * MB // 2 + MB}"
    return [
        (f"upload of {upload_mb} MB", lambda: upload_by_tus(server, upload_mb)),
        (f"seek in {result_mb} MB", lambda: drain(url, Range=middle)),
        (f"download of {result_mb} MB", lambda: drain(f"{url}?download=1")),
    ]


def _stock(folder: Path, result: Path, upload_mb: int) -> None:
    """The same with Streamlit's uploader, player and download button, by a browser."""
    from playwright.sync_api import sync_playwright

    upload = folder / "upload.mp4"
    with upload.open("wb") as file:
        for _ in range(upload_mb):
            file.write(os.urandom(MB))
    script = folder / "stock.py"
    script.write_text(STOCK.format(path=str(result)))
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port),
         "--server.headless", "true", "--server.maxUploadSize", "8192",
         "--browser.gatherUsageStats", "false"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait(f"http://localhost:{port}/_stcore/health")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page()
            page.set_default_timeout(600_000)
            page.goto(f"http://localhost:{port}/?what=idle")
            page.wait_for_selector("text=idle")
            watched = psutil.Process(process.pid)
            for what in ("upload", "video", "download"):
                page.goto(f"http://localhost:{port}/?what={what}")
                begin = time.perf_counter()
                with peak(watched) as found:
                    _use_stock(page, what, upload)
                row(f"stock: {what}", found, time.perf_counter() - begin)
            browser.close()
    finally:
        process.terminate()
        process.wait(timeout=20)


def _use_stock(page: Any, what: str, upload: Path) -> None:
    if what == "upload":
        page.locator("input[type=file]").set_input_files(str(upload))
        page.locator("[data-testid=stFileUploaderDeleteBtn], [data-testid=stFileChip]").wait_for()
    elif what == "video":
        page.wait_for_selector("video")
    else:
        with page.expect_download() as download:
            page.get_by_role("button", name="get").click()
        download.value.path()
    page.wait_for_timeout(2000)


def _wait(url: str) -> None:
    for _ in range(120):
        try:
            drain(url)
            return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError(f"nothing answers at {url}")


def viewers(numbers: list[int], seconds: float) -> None:
    """CPU of the server for each viewer, idle and with a running task (share of a core)."""
    from playwright.sync_api import sync_playwright

    print("\n| viewers | state | server CPU | a viewer |\n|---|---|---|---|")
    for running in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            server = Server(Path(folder) / "outputs", visibility="shared")
            server.outputs.mkdir()
            (server.outputs / "task_status.json").write_text(json.dumps(records(100)))
            server.start()
            try:
                _count_viewers(server, numbers, seconds, running, sync_playwright)
            finally:
                server.stop()


def _count_viewers(
    server: Server, numbers: list[int], seconds: float, running: bool, start: Any
) -> None:
    process = psutil.Process(server.pid)
    with start() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        pages: list[Any] = []
        if running:
            _held_task(server)
        alone = _share(process, seconds)
        for number in numbers:
            while len(pages) < number:
                page = browser.new_context().new_page()
                page.goto(server.url)
                page.locator("[data-testid=stDataFrame]").first.wait_for(timeout=60_000)
                pages.append(page)
            time.sleep(5)
            used = _share(process, seconds)
            state = "a task runs" if running else "idle"
            each = (used - alone) / number
            print(f"| {number} | {state} | {used:.1%} | {each:.2%} |", flush=True)
        browser.close()


def _held_task(server: Server) -> None:
    """A task that a live process of another name holds and reports on, as a second server."""
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from store import Store, StoreSettings\n"
        "store = Store(StoreSettings(outputs=Path(sys.argv[1]))); store.start()\n"
        "task = store.create({'dance_name': 'running.mp4'}); task = None\n"
        "while task is None:\n"
        "    task = store.claim()\n"
        "for n in range(10_000):\n"
        "    store.update(task.id, {'progress': (n % 100) / 100, 'stage': 'decode'},"
        " owner=task.owner, attempt=task.attempts, durable=False); time.sleep(0.5)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(server.outputs)], cwd=ROOT)
    stop = server.stop

    def stop_both() -> None:
        holder.kill()
        holder.wait()
        stop()

    server.stop = stop_both  # type: ignore[method-assign]
    time.sleep(3)


def _share(process: psutil.Process, seconds: float) -> float:
    """CPU seconds a second, median of three spans."""
    spans = []
    for _ in range(3):
        before = sum(process.cpu_times()[:2])
        time.sleep(seconds / 3)
        spans.append((sum(process.cpu_times()[:2]) - before) / (seconds / 3))
    return statistics.median(spans)


def main() -> None:
    """Run all parts, or those named."""
    parser = argparse.ArgumentParser(description=re.sub(r"\s+", " ", __doc__ or ""))
    parser.add_argument("parts", nargs="*", default=["runs", "memory", "viewers"])
    parser.add_argument("--upload-mb", type=int, default=2048)
    parser.add_argument("--result-mb", type=int, default=1024)
    parser.add_argument("--viewers", type=int, nargs="+", default=[1, 20])
    parser.add_argument("--seconds", type=float, default=45.0)
    given = parser.parse_args()
    if "runs" in given.parts:
        script_runs([10, 1_000, 10_000], rounds=15)
    if "memory" in given.parts:
        memory(given.upload_mb, given.result_mb)
    if "viewers" in given.parts:
        viewers(given.viewers, given.seconds)


if __name__ == "__main__":
    main()
