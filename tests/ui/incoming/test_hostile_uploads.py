"""Uploads that mean harm: lengths told later, bodies without one, many, odd ids and headers."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from base64 import b64encode
from contextlib import suppress
from dataclasses import replace

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pipeline.tasks.submit import SPARE_BYTES
from store import process
from tests.ui.routes.routed import (
    LIMIT_MB,
    MINE,
    SECRET,
    THEIRS,
    announce,
    client,
    headers,
    patch,
    uid_of,
)
from ui.incoming import limits, uploads
from ui.service import Service
from ui.web.visitor import COOKIE, new_key, signed_key, visitor_name

ODD_IDS = (
    *(".locks", "a", "0" * 31, "0" * 33, "0" * 32, "G" * 32, "x.info", "%00", "%0a"),
    *("0" * 32 + ".facts", "0" * 32 + ".info"),
    *("%2e%2e", "..%2f..%2f.secret", "%ff%fe", "файл", "a" * 5000, "0" * 32 + "%0a", ".locks/x"),
)
ODD_HEADERS: dict[str, tuple[str | bytes, ...]] = {
    "Origin": ("http://[", "null", "", "http://[::1", "//", "http://a:b", b"\xff", "http://" * 99),
    "Host": ("[", "a:b", "[::1", "", "a b", b"\xff", "a" * 5000),
    "Cookie": ("=", f"{COOKIE}", f'{COOKIE}="', b"\xff=\xff", f"{COOKIE}={'.' * 99}", ";;;"),
    uploads.TOKEN_HEADER: ("", "x", b"\xff" * 32, "0" * 5000),
    "Upload-Length": ("", "x", "1e3", " 4", "0x4", "9" * 5000, "-9", "\u0664".encode(), "4,4"),
    "Upload-Checksum": ("", "sha1 ", "x y", b"\xff", "sha1 " + "A" * 5000),
    "Upload-Offset": ("", "x", "-1", "9" * 5000, b"\xff", "0,0"),
    "Upload-Metadata": ("", ",", " ", "filename", "filename !", "filename /w==", ",,a  b c"),
    "Tus-Resumable": ("", "2.0.0", "x" * 5000, b"\xff"),
    "Content-Type": ("", "text/plain", b"\xff", ";"),
    "Sec-Fetch-Site": ("", "x", "cross-site", b"\xff"),
    "X-Forwarded-Host": ("[", "", b"\xff", "," * 99),
    "X-Forwarded-Proto": ("[", ""),
    "X-Forwarded-For": ("[", "", b"\xff", "," * 99),
}


def test_a_length_is_told_once_and_never_later(service: Service, app: Starlette) -> None:
    deferred = {"Upload-Defer-Length": "1"}
    assert announce(service, app, 0, **deferred).status_code == 400
    metadata = {"Upload-Metadata": "filename YQ==,filetype YQ=="}
    only = client(app).post(uploads.URL, headers=headers(service, **deferred, **metadata))
    assert only.status_code == 400
    uid = uid_of(announce(service, app, 4))
    piece = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    for length in ("3221225472", "-5", "4", "x"):
        given = headers(service, **piece, **{"Upload-Length": length})
        answer = client(app).patch(f"{uploads.URL}/{uid}", content=b"", headers=given)
        assert answer.status_code == 400
    note = uploads.folder_of(service, visitor_name(MINE)) / f"{uid}.info"
    assert json.loads(note.read_bytes())["size"] == 4
    # One that an earlier release let come without a length.
    note.write_text(
        json.dumps(json.loads(note.read_bytes()) | {"size": None, "defer_length": True})
    )
    assert patch(service, app, uid, 0, b"data").status_code == 404


def test_a_body_without_a_length_is_counted_as_it_comes(
    service: Service, app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BYTES_BETWEEN_CHECKS", 1000)
    uid = uid_of(announce(service, app, 10_000))
    path = uploads.folder_of(service, visitor_name(MINE)) / uid
    piece = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}

    def send(pieces: int) -> int:
        body = (b"x" * 500 for _ in range(pieces))
        address = f"{uploads.URL}/{uid}"
        answer = client(app).patch(address, content=body, headers=headers(service, **piece))
        assert "content-length" not in answer.request.headers
        return int(answer.status_code)

    assert send(21) == 400
    assert path.stat().st_size == 0, "what was too much is not kept"
    with monkeypatch.context() as full:
        free = iter([10**12])  # there is room when it begins, and none a little later
        full.setattr(limits, "free_bytes", lambda service: next(free, 0))
        assert send(20) == 507
    assert path.stat().st_size == 0
    assert send(20) == 204
    assert path.stat().st_size == 10_000


def test_a_piece_that_is_not_what_it_says_is_not_kept(service: Service, app: Starlette) -> None:
    uid = uid_of(announce(service, app, 8))
    path = uploads.folder_of(service, visitor_name(MINE)) / uid
    usual = {"Content-Type": "application/offset+octet-stream"}

    def send(offset: int, *sums: str) -> int:
        given = headers(service, **usual, **{"Upload-Offset": str(offset)})
        more = [*given.items(), *(("Upload-Checksum", one) for one in sums)]
        address = f"{uploads.URL}/{uid}"
        return int(client(app).patch(address, content=b"data", headers=more).status_code)

    right = {
        name: f"{name} {b64encode(hashlib.new(name, b'data').digest()).decode()}"
        for name in ("sha1", "sha256", "md5")
    }
    other = f"sha1 {b64encode(hashlib.sha1(b'date').digest()).decode()}"  # noqa: S324
    malformed = ("", "sha1", "sha1 x", f"{right['sha1']} x", "sha1 ZGF0YQ==", right["md5"])
    for sums in (*((one,) for one in malformed), (right["sha1"], right["sha1"])):
        assert send(0, *sums) == 400, sums
    assert send(0, other) == 460
    assert path.stat().st_size == 0
    assert send(0, right["sha1"]) == send(4, right["sha256"]) == 204
    assert path.read_bytes() == b"datadata"
    asked = client(app).options(f"{uploads.URL}/", headers=headers(service))
    assert asked.headers["tus-extension"] == "creation,expiration,termination,checksum"
    assert asked.headers["tus-checksum-algorithm"] == "sha1,sha256"


def limited(service: Service, **changes: float | str) -> Service:
    """The process's service under other settings."""
    changed = replace(service, settings=service.settings.model_copy(update=changes))
    process.keep("service", changed)
    return changed


def test_the_number_of_uploads_is_limited(service: Service, app: Starlette) -> None:
    service = limited(service, uploads_per_visitor=3, uploads_in_all=6)
    uids = [uid_of(announce(service, app, 0)) for _ in range(3)]
    assert announce(service, app, 0).status_code == 429, "empty ones count"
    third = new_key()
    assert [status_of(service, app, THEIRS, 0) for _ in range(2)] == [201, 201]
    assert [status_of(service, app, third, 0) for _ in range(2)] == [201, 429], "all together"
    assert client(app).delete(f"{uploads.URL}/{uids[0]}", headers=headers(service)).is_success
    assert announce(service, app, 0).status_code == 201
    long = {"Upload-Metadata": "filename YQ==,x " + "A" * 40_000}
    assert announce(service, app, 0, **long).status_code == 400


def status_of(service: Service, app: Starlette, key: str, length: int) -> int:
    """How an upload is answered that the visitor of this key announces."""
    given = {"Upload-Length": str(length), "Upload-Metadata": "filename YQ=="}
    answer = client(app, key).post(uploads.URL, headers=headers(service, key, **given))
    return int(answer.status_code)


def test_many_keys_of_one_address_leave_the_half_to_others(
    service: Service, app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = [new_key("192.0.2.1", SECRET) for _ in range(3)]
    other = new_key("192.0.2.2", SECRET)
    service = limited(service, uploads_in_all=4)
    answers = [status_of(service, app, key, 0) for key in several]
    assert answers == [201, 201, 429]
    assert status_of(service, app, other, 0) == 201

    service = limited(service, uploads_in_all=1000, uploads_disk_share=40_000 / 10**12)
    monkeypatch.setattr(limits, "_disk", lambda service: (10**12, 0, 10**12))
    name = visitor_name(several[0])
    service.store.create({"dance_name": "a", "dance_size": 10_000, "visitor": name})
    answers = [status_of(service, app, key, 5_000) for key in several]
    assert answers == [201, 201, 429], "the third one's would be more than half"
    assert status_of(service, app, other, 15_000) == 201
    assert status_of(service, app, other, 6_000) == 429


def test_what_others_may_write_meanwhile_counts_for_the_disk_alone(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an upload whose announcement was taken would stop short of a full share."""
    monkeypatch.setattr(limits, "_disk", lambda service: (10**12, 0, SPARE_BYTES + 1000))
    service = limited(service, uploads_disk_share=1.0)
    service.store.create({"dance_name": "a", "dance_size": 5000, "visitor": "c" * 32})
    assert limits.share_bytes(service) == SPARE_BYTES + 6000
    assert limits.has_space(service, 0, 1000)
    assert not limits.has_space(service, 0, 1001)
    service = limited(service, uploads_disk_share=5000 / (SPARE_BYTES + 6000))
    assert limits.has_space(service, 0, 1000)
    assert not limits.has_space(service, 1000)


def test_what_is_free_is_shared_and_not_what_others_fill(
    service: Service, app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is nearly full of something else has no room by its size."""
    monkeypatch.setattr(limits, "_disk", lambda service: (10**12, 0, 300_000_000))
    service = limited(service, uploads_per_visitor=1000, uploads_gb_per_visitor=1.0)
    files = 0
    while status_of(service, app, MINE, 2_000_000) == 201:
        files += 1
    assert files == 37, "of 300 MB a half is for uploads, and a half of that one network's"
    assert status_of(service, app, THEIRS, 2_000_000) == 201
    limited(service, visibility="shared")
    assert status_of(service, app, MINE, 2_000_000) == 201, "who share their tasks share the disk"


def test_all_uploads_together_stay_below_their_share_of_the_disk(
    service: Service, app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BYTES_BETWEEN_CHECKS", 1000)
    monkeypatch.setattr(limits, "_disk", lambda service: (10**12, 0, 10**12))
    service = limited(service, uploads_disk_share=40_000 / 10**12)
    given = {"Upload-Length": "15000", "Upload-Metadata": "filename YQ=="}
    mine, again = uid_of(announce(service, app, 10_000)), announce(service, app, 15_000)
    assert again.status_code == 429, "one visitor has half of it"
    theirs = client(app, THEIRS).post(uploads.URL, headers=headers(service, THEIRS, **given))
    assert theirs.status_code == 201
    early = service.store.create({"dance_name": "b", "dance_size": 14_000, "visitor": "c"})
    little = headers(service, THEIRS, **given | {"Upload-Length": "1500"})
    refused = client(app, THEIRS).post(uploads.URL, headers=little)
    assert refused.status_code == 507, "what is announced counts, before it comes"
    service.store.cancel(early.id)
    service.store.delete(early.id)
    # What others have handed in since it was announced counts while it is written.
    others = service.store.create({"dance_name": "a", "dance_size": 39_000, "visitor": "c"})
    assert patch(service, app, mine, 0, b"x" * 10_000).status_code == 507
    assert client(app, THEIRS).post(uploads.URL, headers=little).status_code == 507
    service.store.cancel(others.id)
    service.store.delete(others.id)
    assert patch(service, app, mine, 0, b"x" * 10_000).status_code == 204


def test_a_disk_that_others_fill_at_this_moment_is_told(
    service: Service, app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = uploads.folder_of(service, visitor_name(MINE))
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a tmpfs can only be mounted by root")
    try:
        monkeypatch.setattr(limits, "free_bytes", lambda service: 10**12)  # as it was before
        uid = uid_of(announce(service, app, 4))
        with suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        assert announce(service, app, 4).status_code == 507
        assert patch(service, app, uid, 0, b"data").status_code == 507
        (folder / "filler").unlink()
        assert patch(service, app, uid, 0, b"data").status_code == 204
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_what_was_handed_in_counts_for_its_visitor_until_it_is_done(
    service: Service, app: Starlette
) -> None:
    limit = 5 * 1024 * 1024
    record = {"dance_size": limit - 1000, "reference_size": 600, "reference_name": "song"}
    task = service.store.create(record | {"visitor": visitor_name(MINE)})
    assert announce(service, app, 400).status_code == 201
    assert announce(service, app, 1).status_code == 429
    service.store.cancel(task.id)
    assert announce(service, app, 1).status_code == 201


def test_what_was_made_of_uploads_counts_for_their_visitor(
    service: Service, app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_disk", lambda service: (2_000_000_000, 0, 2_000_000_000))
    service = limited(service, uploads_gb_per_visitor=1.0)
    made = {"dance_size": 100_000_000, "made_size": 899_999_000}
    task = service.store.create(made | {"visitor": visitor_name(MINE)})
    assert announce(service, app, 900).status_code == 201
    assert announce(service, app, 101).status_code == 429, "half of the disk is taken"
    service.store.cancel(task.id)
    service.store.delete(task.id)
    assert announce(service, app, 101).status_code == 201


def test_many_announcements_at_once_find_the_same_limits(service: Service, app: Starlette) -> None:
    length, answers = LIMIT_MB * 1024 * 1024, []

    async def all_at_once() -> None:
        transport = httpx.ASGITransport(app=app)
        cookies = {COOKIE: signed_key(MINE, SECRET)}
        given = {"Upload-Length": str(length), "Upload-Metadata": "filename YQ=="}
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://x", cookies=cookies) as http,
            anyio.create_task_group() as group,
        ):

            async def one() -> None:
                answers.append(await http.post(uploads.URL, headers=headers(service, **given)))

            for _ in range(20):
                group.start_soon(one)

    anyio.run(all_at_once)
    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [429] * 18


def test_no_odd_id_or_header_is_an_error_of_the_server(service: Service, app: Starlette) -> None:
    uid = uid_of(announce(service, app, 4))
    browser = TestClient(app, raise_server_exceptions=False)
    usual: dict[str, str | bytes] = {
        **headers(service),
        "Cookie": f"{COOKIE}={signed_key(MINE, SECRET)}",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    }
    cases: list[tuple[str, dict[str, str | bytes]]] = [(odd, {}) for odd in ODD_IDS]
    for place in ("", f"/{uid}"):
        for name, values in ODD_HEADERS.items():
            cases += [(place.removeprefix("/"), {name: value}) for value in values]
    for below, odd in cases:
        for method in ("HEAD", "GET", "POST", "PATCH", "DELETE", "OPTIONS", "PUT"):
            if method == "DELETE" and below == uid:
                continue
            given = {**usual, **({"Upload-Length": "4"} if method == "POST" else {}), **odd}
            address = f"{uploads.URL}/{below}"
            answer = browser.request(method, address, headers=list(given.items()))
            assert answer.status_code < 500, (method, below, odd)
            if not odd:
                assert answer.status_code in {404, 405}, (method, below)
    assert (uploads.folder_of(service, visitor_name(MINE)) / uid).is_file()
