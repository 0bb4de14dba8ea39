"""Uploads that go into the bucket as they arrive, by the routes and by what others do with them."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from files import arriving, mirror
from files.objects import Objects
from pipeline.settings import Settings
from pipeline.tasks.submit import submit
from tests.files.conftest import S3, keys
from tests.ui.routes import routed
from tests.ui.routes.routed import MINE, THEIRS, announce, app_of, client, headers, patch, uid_of
from ui.incoming import limits, taking, tidy, uploads
from ui.service import Service
from ui.web.visitor import visitor_name

PART = 5 * 1024 * 1024
"""The least that S3 takes."""
ME = visitor_name(MINE)
NAMED = {"Upload-Metadata": "filename YS5tcDQ=,filetype dmlkZW8vbXA0,role ZGFuY2U="}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving, "PART_BYTES", PART)
    monkeypatch.setattr(routed, "LIMIT_MB", 100)
    monkeypatch.setattr(mirror, "TICK_SECONDS", 0.05)


@contextmanager
def dashboard(
    outputs: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Service, Starlette]]:
    settings = Settings(outputs=outputs, storage_url=url, visibility="private")
    with routed.service_of(settings, monkeypatch) as service:
        yield service, app_of()


@pytest.fixture
def here(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Service, Starlette]]:
    with dashboard(tmp_path / "outputs", url, monkeypatch) as found:
        yield found


def bytes_of(length: int) -> bytes:
    return bytes(range(251)) * (length // 251) + bytes(length % 251)


def offset_of(service: Service, app: Starlette, uid: str) -> int:
    answer = client(app).head(f"{uploads.URL}/{uid}", headers=headers(service))
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


def send(service: Service, app: Starlette, uid: str, data: bytes, begin: int, end: int) -> None:
    answer = patch(service, app, uid, begin, data[begin:end])
    assert answer.status_code == 204, answer.text
    assert int(answer.headers["upload-offset"]) == end


def on_disk(service: Service) -> int:
    return sum(one.stat().st_size for one in limits.incoming(service).rglob("*") if one.is_file())


def arrived(objects: Objects) -> set[str]:
    return {key for key in keys(objects) if key.startswith("incoming/")}


def begun(objects: Objects) -> int:
    """Uploads in parts that the bucket knows."""
    made = objects.client._client
    return len(made.list_multipart_uploads(Bucket=objects.client._bucket).get("Uploads", ()))


def test_a_restarted_dashboard_goes_on_where_it_was(
    tmp_path: Path, url: str, s3: S3, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytes_of(3 * PART + 1_000_000)
    first, second = tmp_path / "first/outputs", tmp_path / "second/outputs"
    with dashboard(first, url, monkeypatch) as (service, app):
        uid = uid_of(announce(service, app, len(data), **NAMED))
        send(service, app, uid, data, 0, 3_000_000)
        assert on_disk(service) > 3_000_000 and not arrived(objects), "not a part's worth"
        send(service, app, uid, data, 3_000_000, 6_000_000)
        assert on_disk(service) < 6_000_000 - PART + 10_000, "the part is the bucket's"
        (found,) = uploads.unfinished_uploads(service, ME)
        assert (found.size, found.sent) == (len(data), 6_000_000)
    with dashboard(first, url, monkeypatch) as (service, app):
        assert offset_of(service, app, uid) == 6_000_000
        send(service, app, uid, data, 6_000_000, 2 * PART + 5)
        assert on_disk(service) < 10_000
        assert uploads.find_upload(service, ME, uid) is None
    shutil.rmtree(first)
    with dashboard(second, url, monkeypatch) as (service, app):
        assert offset_of(service, app, uid) == 2 * PART, "all but the rest was in the bucket"
        assert limits.announced(service, ME) == [len(data)]
        assert (
            client(app, THEIRS)
            .head(f"{uploads.URL}/{uid}", headers=headers(service, THEIRS))
            .status_code
            == 404
        )
        received = s3.received
        send(service, app, uid, data, 2 * PART, len(data))
        assert s3.received - received < len(data) - 2 * PART + 10_000
        assert on_disk(service) < 10_000
    shutil.rmtree(second)
    with dashboard(first, url, monkeypatch) as (service, app):  # and whole, but not handed in
        (upload,) = [uploads.find_upload(service, ME, uid)]
        assert upload is not None and (upload.name, upload.size) == ("a.mp4", len(data))
        assert uploads.find_upload(service, visitor_name(THEIRS), uid) is None
        assert not upload.path.exists() and service.store.files.fetch(upload.path)
        assert upload.path.read_bytes() == data
        assert begun(objects) == 0


def test_what_a_bucket_has_not_taken_is_not_told_as_arrived(
    here: tuple[Service, Starlette], s3: S3
) -> None:
    service, app = here
    data = bytes_of(2 * PART)
    uid = uid_of(announce(service, app, len(data)))
    s3.fault = lambda environ: 403 if environ["REQUEST_METHOD"] in {"PUT", "POST"} else 0
    assert patch(service, app, uid, 0, data[:PART]).status_code == 503
    head = client(app).head(f"{uploads.URL}/{uid}", headers=headers(service))
    assert head.status_code == 503, "asked again in a while"
    assert patch(service, app, uid, PART, data[PART:]).status_code == 503
    assert on_disk(service) < PART + 10_000, "one piece is kept, not one after the other"
    s3.well()
    received = s3.received
    assert offset_of(service, app, uid) == PART and s3.received - received < PART + 10_000
    s3.fault = lambda environ: 403 if environ["REQUEST_METHOD"] == "POST" else 0
    assert patch(service, app, uid, PART, data[PART:]).status_code == 503
    assert uploads.find_upload(service, ME, uid) is None, "its parts are no object yet"
    s3.well()
    tidy.take_all(service)  # as at the start after a crash at this moment
    assert uploads.find_upload(service, ME, uid) is not None
    assert offset_of(service, app, uid) == len(data)


def test_a_piece_with_a_wrong_checksum_goes_nowhere(
    here: tuple[Service, Starlette], s3: S3
) -> None:
    service, app = here
    uid = uid_of(announce(service, app, 3 * PART))
    usual = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    piece = bytes_of(PART)

    def given(of: bytes) -> int:
        found = b64encode(hashlib.sha1(of).digest()).decode()  # noqa: S324
        more = headers(service, **usual, **{"Upload-Checksum": f"sha1 {found}"})
        return int(
            client(app).patch(f"{uploads.URL}/{uid}", content=piece, headers=more).status_code
        )

    received = s3.received
    assert given(b"another") == 460
    assert s3.received - received < 10_000 and on_disk(service) < 10_000
    assert given(piece) == 204 and on_disk(service) < 10_000
    assert offset_of(service, app, uid) == PART
    assert patch(service, app, uid, PART, bytes_of(2 * PART + 1)).status_code == 400
    assert offset_of(service, app, uid) == PART


@pytest.mark.parametrize("how", ["visitor", "tidy", "lost"])
def test_what_is_given_up_leaves_nothing_in_the_bucket(
    here: tuple[Service, Starlette], objects: Objects, how: str
) -> None:
    service, app = here
    data = bytes_of(PART + 10)
    broken, whole = (uid_of(announce(service, app, len(data))) for _ in range(2))
    send(service, app, broken, data, 0, PART)
    send(service, app, whole, data, 0, len(data))
    assert begun(objects) == 1 and any(whole in key for key in arrived(objects))
    folder = uploads.folder_of(service, ME)
    if how == "visitor":
        for uid in (broken, whole):
            answer = client(app).delete(f"{uploads.URL}/{uid}", headers=headers(service))
            assert answer.status_code == 204
    elif how == "tidy":
        assert tidy.remove_stale(service) == 0 and begun(objects) == 1
        old = time.time() - tidy.KEPT_SECONDS - 60
        for path in folder.rglob("*"):
            os.utime(path, (old, old))
        assert tidy.remove_stale(service) == 2
    else:
        assert service.store.files.arriving
        shutil.rmtree(folder)
        service.store.files.arriving.drop_lost(3600.0)
        assert begun(objects) == 1, "it may be another's that is on its way"
        service.store.files.arriving.drop_lost(0.0)
    assert begun(objects) == 0
    assert not arrived(objects)
    assert not list(folder.glob("[0-9a-f]*"))


def test_an_upload_that_the_bucket_has_given_up_begins_anew(
    here: tuple[Service, Starlette], s3: S3, objects: Objects
) -> None:
    service, app = here
    data = bytes_of(2 * PART)
    uid = uid_of(announce(service, app, len(data)))
    send(service, app, uid, data, 0, PART)
    s3.fault = lambda environ: 404 if "uploadId" in environ["QUERY_STRING"] else 0
    assert patch(service, app, uid, PART, data[PART:]).status_code == 404
    head = client(app).head(f"{uploads.URL}/{uid}", headers=headers(service))
    assert head.status_code == 404
    assert not list(uploads.folder_of(service, ME).glob(f"{uid}*"))


@pytest.mark.parametrize("size", [0, 4, PART])
def test_a_small_upload_is_one_object(
    here: tuple[Service, Starlette], objects: Objects, size: int
) -> None:
    service, app = here
    data = bytes_of(size)
    uid = uid_of(announce(service, app, size))
    send(service, app, uid, data, 0, size)
    found = uploads.find_upload(service, ME, uid)
    assert found is not None and found.size == size
    assert service.store.files.fetch(found.path) and found.path.read_bytes() == data
    assert begun(objects) == 0


def test_what_is_handed_in_is_copied_within_the_bucket(
    here: tuple[Service, Starlette], s3: S3, objects: Objects
) -> None:
    service, app = here
    data = bytes_of(2 * PART)
    paths = []
    for _ in range(2):
        uid = uid_of(announce(service, app, len(data)))
        send(service, app, uid, data, 0, len(data))
        found = uploads.find_upload(service, ME, uid)
        assert found is not None
        paths.append(found.path)
    assert service.store.files.fetch(paths[1])
    moved = s3.received + s3.sent
    task = submit(
        service.store,
        service.settings,
        *paths,
        dance_name="a.mp4",
        reference_name="b.mp3",
        visitor=ME,
        move=True,
    )
    for path in paths:
        taking.remove_upload(service, path)
    wanted = {f"uploads/{task.id}/dance.mp4", f"uploads/{task.id}/reference.mp3"}
    assert {key for key in keys(objects) if key.startswith("uploads/")} == wanted
    assert not arrived(objects)
    folder = service.settings.outputs / "uploads" / task.id
    assert not (folder / "dance.mp4").exists()
    assert (folder / "reference.mp3").read_bytes() == data, "what was here is here"
    assert s3.received + s3.sent - moved < 100_000
    address = f"/files/{task.id}/original"
    assert client(app).get(address).content == data
    assert client(app, THEIRS).get(address).status_code == 404


@pytest.mark.parametrize("last", [2, 3, 5])
def test_each_step_may_be_the_last_one_before_a_crash(
    tmp_path: Path, objects: Objects, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    rest = tmp_path / arriving.FOLDER / ME / ("0" * 32)
    rest.parent.mkdir(parents=True)
    data, write, steps = bytes_of(2 * PART + 1000), arriving._write, iter(range(1, 100))

    def crash(*given: Any) -> None:
        if next(steps) == last:
            raise KeyboardInterrupt
        write(*given)

    monkeypatch.setattr(arriving, "_write", crash)
    offset = 0
    for length in (PART + 10, PART - 500, 1490):
        with rest.open("ab") as file:
            file.write(data[offset : offset + length])
        offset += length
        note = {"size": len(data), "offset": offset}
        for _ in range(2):  # and by the next process
            with suppress(KeyboardInterrupt):
                assert arriving.Arriving(objects, tmp_path).take(rest, note) == offset
        assert rest.stat().st_size < PART
    there = arriving.Arriving(objects, tmp_path)
    assert there.is_whole(rest) and objects.download(f"{rest.relative_to(tmp_path)}.whole", rest)
    assert rest.read_bytes() == data


def test_what_a_power_cut_took_from_the_disk_is_asked_for_again(
    here: tuple[Service, Starlette],
) -> None:
    service, app = here
    data = bytes_of(2 * PART)
    uid = uid_of(announce(service, app, len(data)))
    send(service, app, uid, data, 0, PART + 1000)
    os.truncate(uploads.folder_of(service, ME) / uid, 999)
    assert offset_of(service, app, uid) == PART
    send(service, app, uid, data, PART, len(data))
    found = uploads.find_upload(service, ME, uid)
    assert found is not None and service.store.files.fetch(found.path)
    assert found.path.read_bytes() == data
