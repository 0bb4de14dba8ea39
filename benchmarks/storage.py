"""What a bucket costs: the age of its copies, the start of an empty disk, the bytes of a worker,
and a dashboard's memory and disk while a large upload passes through it.

    python -m benchmarks.storage [--tasks 10000] [--megabytes 200] [--upload 2000]

Against moto's S3 server on this machine, so that the network costs nothing. Needs
requirements-dev.txt.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import threading
import time
import urllib.request
import uuid
from pathlib import Path

import orjson
import psutil

from files.bucket import Bucket
from files.objects import Objects
from store import Store, StoreSettings
from tests.browser.serving import Server
from tests.browser.tus import Sender
from tests.files.conftest import S3
from tests.waiting import until

PIECE_BYTES = 16 * 1024 * 1024
"""How much the uploader component sends in a request."""
SAMPLE_SECONDS = 0.05


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=re.sub(r"\s+", " ", __doc__ or ""))
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--megabytes", type=int, default=200, help="of a film")
    parser.add_argument("--upload", type=int, default=2000, help="megabytes of an upload")
    given = parser.parse_args()
    server = S3()
    os.environ |= {"AWS_ENDPOINT_URL": server.address, "AWS_REGION": "us-east-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    request = urllib.request.Request(f"{server.address}/films", method="PUT")
    urllib.request.urlopen(request, timeout=60).close()
    with tempfile.TemporaryDirectory() as folder:
        copies(server, Path(folder), given.tasks)
        film(server, Path(folder), given.megabytes)
        upload(server, Path(folder), given.upload)
    server.close()


def copies(server: S3, folder: Path, tasks: int) -> None:
    """Ages of the task file's copy while one task changes again and again; then a new disk."""
    url = "s3://films/copies"
    outputs = folder / "first/outputs"
    outputs.mkdir(parents=True)
    record = {"status": "pending", "created_at": "2026-01-01T03:00:00.000+00:00"}
    record |= {"dance_name": "class.mp4", "note": 1100 * "x"}  # a finished task's is as large
    ids = (str(uuid.UUID(int=number + 1, version=4)) for number in range(tasks))
    (outputs / "task_status.json").write_bytes(orjson.dumps(dict.fromkeys(ids, record)))
    store, objects = Store(StoreSettings(outputs=outputs, storage_url=url)).start(), Objects(url)
    task, ages = store.create().id, []
    for turn in range(10):
        store.update(task, {"note": f"turn {turn}"})
        begun = time.monotonic()
        wanted = f"turn {turn}".encode()
        until(lambda: (found := objects.get("task_status.json")) and wanted in found[0], "it")  # noqa: B023
        ages.append(time.monotonic() - begun)
    size = (outputs / "task_status.json").stat().st_size
    print(f"{tasks} tasks, {size / 1e6:.1f} MB: the copy is {max(ages):.1f} s old at most, of 10")
    store.close()
    begun, spent = time.monotonic(), time.process_time()
    new = Store(StoreSettings(outputs=folder / "second/outputs", storage_url=url)).start()
    count = len(new.snapshot().tasks)
    wall, spent = time.monotonic() - begun, time.process_time() - spent
    print(f"an empty disk has {count} tasks after {wall:.1f} s ({spent:.1f} CPU s with the server)")
    new.close()


def film(server: S3, folder: Path, megabytes: int) -> None:
    """A film to the bucket and back, and what went over the wire."""
    place = Bucket("s3://films/film", folder / "outputs")
    path = folder / "outputs/uploads/task/dance.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(os.urandom(megabytes * 1_000_000))
    for what in (place.publish, place.fetch):
        sent, received = server.received, server.sent
        begun = time.monotonic()
        what(path)
        moved = server.received - sent + server.sent - received
        ratio = moved / (megabytes * 1e6)
        seconds = time.monotonic() - begun
        print(f"{what.__name__} of {megabytes} MB: {seconds:.1f} s, {ratio:.4f} of its bytes moved")
        path.unlink()


def upload(s3: S3, folder: Path, megabytes: int) -> None:
    """An upload into the bucket through a real dashboard: its memory, its disk, and its time."""
    server = Server(folder / "third/outputs", storage_url="s3://films/upload")
    server.outputs.mkdir(parents=True)
    server.start()
    try:
        _upload(s3, server, megabytes)
    finally:
        server.stop()


def _upload(s3: S3, server: Server, megabytes: int) -> None:
    sender, process, size = Sender(server), psutil.Process(server.pid), megabytes * 1_000_000
    incoming = server.outputs / "incoming"
    with urllib.request.urlopen(server.url, timeout=60):  # as it is with a visitor
        idle = process.memory_info().rss
    memory, disk, over = [idle], [0], threading.Event()

    def sample() -> None:
        while not over.wait(SAMPLE_SECONDS):
            memory.append(process.memory_info().rss)
            files = [path for path in incoming.rglob("*") if path.is_file()]
            disk.append(sum(path.stat().st_size for path in files if path.exists()))

    sampling = threading.Thread(target=sample)
    sampling.start()
    begun, spent, received = time.monotonic(), sum(process.cpu_times()[:2]), s3.received
    uid = sender.begin(size)
    for offset in range(0, size, PIECE_BYTES):
        data = os.urandom(min(PIECE_BYTES, size - offset))
        sender.send(uid, offset, data).raise_for_status()
    wall, cpu = time.monotonic() - begun, sum(process.cpu_times()[:2]) - spent
    over.set()
    sampling.join()
    print(
        f"upload of {megabytes} MB into the bucket: {wall:.0f} s, {cpu:.1f} CPU s of the server; "
        f"memory {(max(memory) - idle) / 1e6:+.0f} MB from {idle / 1e6:.0f}, "
        f"disk {max(disk) / 1e6:.1f} MB at most and {disk[-1] / 1e6:.2f} at the end, "
        f"{(s3.received - received) / size:.4f} of its bytes moved"
    )


if __name__ == "__main__":
    main()
