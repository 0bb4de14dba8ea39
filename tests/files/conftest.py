"""A real S3 server of this process (moto's), that can be made to misbehave, and buckets in it."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from files.objects import Objects

_numbers = itertools.count(1)


class S3:
    """The server, and how it misbehaves."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self, threaded=True)
        self.received = self.sent = 0
        """Bytes of bodies."""
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self.well()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def well(self) -> None:
        """Behaves from now on."""
        self.ignores_conditions = False
        self.fault: Callable[[WSGIEnvironment], int] = lambda environ: 0
        """A status in the place of an answer, 0 for none; 404 is that of an unknown multipart."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        status = self.fault(environ)
        if status:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            text = b"<Error><Code>NoSuchUpload</Code></Error>" if status == 404 else b""
            start_response(f"{status} as it was told", [("content-length", str(len(text)))])
            return [text]
        if self.ignores_conditions:
            for name in ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"):
                environ.pop(name, None)
        self.received += int(environ.get("CONTENT_LENGTH") or 0)

        def begin(line: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            lengths = (value for name, value in headers if name.lower() == "content-length")
            if environ["REQUEST_METHOD"] != "HEAD":
                self.sent += int(next(lengths, 0))
            return start_response(line, headers, *rest)

        return self._app(environ, begin)

    def close(self) -> None:
        self._server.shutdown()


@pytest.fixture(scope="session")
def server() -> Iterator[S3]:
    pytest.importorskip("obstore", reason="obstore is not installed (requirements-storage.txt)")
    pytest.importorskip("moto", reason="moto is not installed (requirements-dev.txt)")
    server = S3()
    yield server
    server.close()


@pytest.fixture
def s3(server: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """The server; what is started now finds it by the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    yield server
    server.well()


@pytest.fixture
def url(s3: S3) -> str:
    """A prefix in a bucket of its own."""
    import urllib.request

    bucket = f"films-{next(_numbers)}"
    request = urllib.request.Request(f"{s3.address}/{bucket}", method="PUT")
    urllib.request.urlopen(request, timeout=60).close()
    return f"s3://{bucket}/school/dances"


@pytest.fixture
def objects(url: str) -> Objects:
    return Objects(url)


def keys(objects: Objects) -> set[str]:
    """What is in the bucket, but for the lease."""
    return {entry.key for entry in objects.list("")} - {".writer"}


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
