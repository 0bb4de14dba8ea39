"""Uploads to a real server: several at once, a killed server, strangers."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from tests.browser.serving import Server, serve, serve_module
from tests.browser.tus import Sender

__all__ = ["serve", "serve_module"]
MB = 1024 * 1024


@pytest.fixture(scope="module")
def small(serve_module: Callable[..., Server]) -> Server:
    return serve_module(max_upload_mb="8")


def slowly(
    first: bytes, rest: bytes, sent: threading.Event, go: threading.Event
) -> Iterator[bytes]:
    """A body whose second part waits until the test lets it go."""
    yield first
    sent.set()
    assert go.wait(60)
    yield rest


def wait_beyond(size: int, path: Path) -> None:
    """Wait until the file is larger: the server is in the midst of a request."""
    deadline = time.monotonic() + 30
    while path.stat().st_size <= size:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_second_writer_is_locked_out_and_spoils_nothing(small: Server) -> None:
    sender = Sender(small)
    data = os.urandom(4 * MB)
    uid = sender.begin(len(data))
    sent, go = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        body = slowly(data[:MB], data[MB:], sent, go)
        first = pool.submit(sender.stream, uid, 0, body, len(data))
        assert sent.wait(30)
        wait_beyond(0, sender.file(uid))
        assert sender.send(uid, 0, b"x" * len(data)).status_code == 423
        assert sender.request("DELETE", uid).status_code == 423
        go.set()
        assert first.result(60).status_code == 204
    assert sender.offset(uid) == len(data)
    assert sender.file(uid).read_bytes() == data


def test_of_many_at_once_one_writes(small: Server) -> None:
    sender = Sender(small)
    uid = sender.begin(2 * MB)
    bodies = [bytes([n]) * (2 * MB) for n in range(8)]
    with ThreadPoolExecutor(len(bodies)) as pool:
        statuses = [
            answer.status_code
            for answer in pool.map(lambda body: sender.send(uid, 0, body), bodies)
        ]
    # Locked out, or too late with an offset that is no longer the file's.
    assert statuses.count(204) == 1 and set(statuses) <= {204, 423, 409, 400}
    assert sender.file(uid).read_bytes() == bodies[statuses.index(204)]


def test_an_upload_goes_on_after_the_server_was_killed(serve: Callable[..., Server]) -> None:
    server = serve()
    sender = Sender(server)
    data = os.urandom(6 * MB)
    uid = sender.begin(len(data))
    assert sender.send(uid, 0, data[: 2 * MB]).status_code == 204
    sent, go = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        body = slowly(data[2 * MB : 3 * MB], data[3 * MB :], sent, go)
        cut = pool.submit(sender.stream, uid, 2 * MB, body, 4 * MB)
        assert sent.wait(30)
        wait_beyond(2 * MB, sender.file(uid))
        server.kill()
        go.set()
        with pytest.raises(httpx.TransportError):
            cut.result(60)
    server.start()
    offset = sender.offset(uid)
    assert 2 * MB <= offset <= 3 * MB
    assert sender.send(uid, offset, data[offset:]).status_code == 204
    assert sha256(sender.file(uid).read_bytes()).digest() == sha256(data).digest()


def test_strangers_are_refused(small: Server) -> None:
    sender, stranger = Sender(small), Sender(small)
    foreign = {"Origin": "https://elsewhere.example"}
    assert sender.announce(5, **foreign).status_code == 403
    assert sender.announce(5, Origin=small.url).status_code == 201
    uid = sender.begin(5)
    assert sender.request("DELETE", uid, **foreign).status_code == 403
    assert stranger.request("HEAD", uid).status_code == 404
    assert stranger.send(uid, 0, b"evil!").status_code == 404
    assert stranger.request("DELETE", uid).status_code == 404
    # With the owner's token, which only the owner's page has, but another browser's cookie.
    token = sender.headers() | {"Cookie": stranger.headers()["Cookie"]}
    url = f"{small.url}/uploads/files/{uid}"
    assert httpx.head(url, headers=token, timeout=60).status_code == 403
    assert sender.offset(uid) == 0
    assert sender.send(uid, 0, b"mine!").status_code == 204
    assert sender.file(uid).read_bytes() == b"mine!"
