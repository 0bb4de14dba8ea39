"""Objects of an S3 bucket below a prefix, by key; obstore's errors as ours.

Endpoint, region and keys are those of the environment (``AWS_ENDPOINT_URL``, ``AWS_REGION``,
``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, …).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import S3Store

from files.client import Client
from files.errors import StorageError

PART_BYTES = 8 * 1024 * 1024
"""Of an upload and of a download: S3 takes 10,000 parts of an object, so up to 80 GB."""
PARTS_AT_ONCE = 4
REQUEST_SECONDS = 60
"""For one request: a part at 1.1 Mbit/s."""
RETRY_SECONDS, QUICK_RETRY_SECONDS = 60, 8
"""So long a request is tried again: for a film, and for what is looked after every few seconds."""
COPY_AT_ONCE_BYTES = 256 * 1024 * 1024
"""More is copied in parts, side by side: one request copies at most 5 GB, and takes its time."""
MAX_RETRIES = 1000
"""The time is what ends them."""


class Refused(Exception):
    """The bucket says that a condition does not hold."""


@dataclass(frozen=True)
class Entry:
    """What a bucket says of an object."""

    key: str
    size: int
    modified: datetime
    etag: str


class Objects:
    """The objects below the prefix of a URL, ``s3://bucket/prefix``."""

    def __init__(self, url: str) -> None:
        """Raises ``StorageError`` for another URL; asks nobody."""
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc or parts.query or "@" in parts.netloc:
            raise StorageError(f"{url!r} is no address such as s3://bucket/prefix")
        self.url = url
        bucket, prefix = parts.netloc, parts.path.strip("/")
        self._store = _store(bucket, prefix, RETRY_SECONDS)
        self._quick = _store(bucket, prefix, QUICK_RETRY_SECONDS)
        self.client = Client(bucket, prefix)
        """For what obstore cannot do."""

    def get(self, key: str) -> tuple[bytes, str] | None:
        """A small object's bytes and ETag; None for none."""
        with _errors(f"{key} could not be read"):
            try:
                found = obstore.get(self._quick, key)
                return bytes(found.bytes()), found.meta["e_tag"] or ""
            except FileNotFoundError:
                return None

    def head(self, key: str) -> Entry | None:
        """What is known of an object; None for none."""
        with _errors(f"{key} could not be looked up"):
            try:
                return _entry(obstore.head(self._quick, key))
            except FileNotFoundError:
                return None

    def put(self, key: str, data: bytes, etag: str | None = None) -> str:
        """Writes a small object in the place of the one with this ETag, or where there is none;
        returns the new ETag. Raises ``Refused`` when that is not so."""
        with _errors(f"{key} could not be written"):
            try:
                mode: Any = {"e_tag": etag} if etag else "create"
                return obstore.put(self._quick, key, data, mode=mode)["e_tag"] or ""
            except (AlreadyExistsError, PreconditionError) as error:
                raise Refused from error
            except FileNotFoundError as error:  # there is nothing in whose place it could be
                if etag:
                    raise Refused from error
                raise StorageError(f"there is no bucket for {self.url}") from error

    def overwrite(self, key: str, data: bytes) -> None:
        """Writes a small object, whatever there is."""
        with _errors(f"{key} could not be written"):
            obstore.put(self._quick, key, data)

    def upload(self, path: Path, key: str) -> None:
        """Puts a file, in parts where it is large: the object appears when it is whole."""
        size = path.stat().st_size
        with _errors(f"{key} could not be sent"):
            obstore.put(
                self._store, key, path, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE
            )
        self.check(key, size)

    def copy(self, source: str, target: str) -> bool:
        """Copies an object within the bucket, of any size; whether there is one."""
        there = self.head(source)
        if there is None:
            return False
        if there.size > COPY_AT_ONCE_BYTES:
            self.client.copy(source, target)
        else:
            with _errors(f"{source} could not be copied"):
                obstore.copy(self._store, source, target)
        self.check(target, there.size)
        return True

    def check(self, key: str, size: int) -> None:
        """Raises ``StorageError`` unless there is an object of this size."""
        found = self.head(key)
        if found is None or found.size != size:
            there = "nothing" if found is None else f"{found.size} bytes"
            raise StorageError(f"{key} should have {size} bytes in the bucket, there is {there}")

    def download(self, key: str, path: Path) -> bool:
        """Fetches an object whole, in parts side by side; whether there is one. The file appears
        when it is whole. Raises OSError of the disk, too."""
        found = self.head(key)
        if found is None:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with part.open("wb") as file, ThreadPoolExecutor(PARTS_AT_ONCE) as pool:
                file.truncate(found.size)

                def bring(start: int) -> None:
                    end = min(start + PART_BYTES, found.size)
                    with _errors(f"{key} could not be fetched"):
                        data = obstore.get_range(self._store, key, start=start, end=end)
                    if len(data) != end - start:
                        raise StorageError(f"{key} became shorter while it was fetched")
                    os.pwrite(file.fileno(), data, start)

                for _ in pool.map(bring, range(0, found.size, PART_BYTES)):
                    pass
            part.replace(path)
        except FileNotFoundError:
            return False
        finally:
            part.unlink(missing_ok=True)
        return True

    def reader(self, key: str) -> Any:
        """A buffered reader that can seek; raises FileNotFoundError."""
        with _errors(f"{key} could not be read"):
            return obstore.open_reader(self._store, key, buffer_size=PART_BYTES // 2)

    def list(self, prefix: str) -> Iterator[Entry]:
        """All objects below a folder."""
        with _errors("the bucket could not be listed"):
            for some in obstore.list(self._store, prefix or None, chunk_size=1000):
                yield from map(_entry, some)

    def delete(self, keys: Collection[str]) -> None:
        """Deletes objects; those that are not there count as deleted."""
        if keys:
            with _errors("objects could not be deleted"), suppress(FileNotFoundError):
                obstore.delete(self._store, list(keys))


def _store(bucket: str, prefix: str, seconds: float) -> S3Store:
    plain = (os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT") or "").startswith(
        "http://"
    )
    return S3Store(
        bucket,
        prefix=prefix or None,
        client_options={"allow_http": plain, "timeout": timedelta(seconds=REQUEST_SECONDS)},
        retry_config={"max_retries": MAX_RETRIES, "retry_timeout": timedelta(seconds=seconds)},
    )


def _entry(meta: Any) -> Entry:
    return Entry(meta["path"], meta["size"], meta["last_modified"], meta["e_tag"] or "")


@contextmanager
def _errors(what: str) -> Iterator[None]:
    """obstore's errors as ``StorageError``: their first line, which has no key in it."""
    try:
        yield
    except BaseError as error:
        raise StorageError(f"{what}: {str(error).splitlines()[0]}") from error
