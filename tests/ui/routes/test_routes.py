"""The routes, over real HTTP semantics (Starlette's client) and real files."""

from __future__ import annotations

import base64
import io
import json
import os
import time
import zipfile
from pathlib import Path

import pytest
from starlette.applications import Starlette

from pipeline.media import facts_note
from pipeline.tasks.submit import EXTENSIONS, stored_name
from tests.ui.routes.routed import (
    LIMIT_MB,
    MINE,
    THEIRS,
    announce,
    client,
    finished,
    headers,
    patch,
)
from ui.incoming import limits, tidy, uploads
from ui.routes import bundle, files
from ui.service import Service
from ui.web.visitor import sign, visitor_name


def test_ranges_come_from_the_disk(service: Service, app: Starlette) -> None:
    task = finished(service)
    answer = client(app).get(f"/files/{task.id}/modular", headers={"range": "bytes=10-19"})
    assert answer.status_code == 206
    assert answer.content == bytes(range(10, 20))
    assert answer.headers["content-range"].startswith("bytes 10-19/")
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["x-content-type-options"] == "nosniff"
    whole = client(app).get(f"/files/{task.id}/modular?download=1")
    assert "my%20dance_retrack.mp4" in whole.headers["content-disposition"]


def test_a_private_task_is_not_found_by_others(service: Service, app: Starlette) -> None:
    task = finished(service)
    address = f"/files/{task.id}/modular"
    assert client(app, THEIRS).get(address).status_code == 404
    assert client(app, None).get(address).status_code == 404
    assert client(app, THEIRS).get(f"{address}?t={'0' * 32}").status_code == 404
    assert client(app, THEIRS).get(f"/files/bundle?ids={task.id}").status_code == 404
    link = files.file_url(service, task, "modular", link=True)
    assert client(app, None).get(link).status_code == 200, "a login's signed link opens it"


def test_waveforms_come_once_they_are_drawn_and_only_to_their_owner(
    service: Service, app: Starlette
) -> None:
    task = finished(service)
    address = f"/files/{task.id}/waveforms"
    assert client(app).get(address).status_code == 404
    files.waveforms_path(service, task.id).write_text('{"dance": null}')
    answer = client(app).get(address)
    assert answer.json() == {"dance": None}
    assert answer.headers["content-type"].startswith("application/json")
    assert client(app, THEIRS).get(address).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["../secret.txt", "/etc/passwd", "outputs/../secret.txt", "outputs/results/link.mp4"],
)
def test_a_path_outside_outputs_is_never_served(
    service: Service, app: Starlette, tmp_path: Path, path: str
) -> None:
    task = finished(service)
    (tmp_path / "secret.txt").write_text("secret")
    (service.settings.outputs / "results" / "link.mp4").symlink_to(tmp_path / "secret.txt")
    service.store.update(task.id, {"modular_output": path})
    assert client(app).get(f"/files/{task.id}/modular").status_code == 404
    assert client(app).get(f"/files/{task.id}/.secret").status_code == 404
    assert client(app).get("/files/..%2f..%2f/modular").status_code == 404


def test_a_bundle_holds_the_result_of_each(service: Service, app: Starlette) -> None:
    one, two = finished(service, kinds=("modular", "v2")), finished(service)
    answer = client(app).get(f"/files/bundle?ids={one.id},{two.id},nothing")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert names == ["my dance_retrack.mp4", f"{two.id[:8]}_my dance_retrack.mp4"]


def test_a_login_opens_a_bundle_by_its_signed_link(service: Service, app: Starlette) -> None:
    one, two = finished(service), finished(service)
    link = bundle.bundle_url(service, [one.id], link=True)
    assert client(app, None).get(link).status_code == 200
    assert client(app, None).get(bundle.bundle_url(service, [one.id])).status_code == 404
    other = link.replace(one.id, two.id)
    assert client(app, None).get(other).status_code == 404, "the link is for these tasks alone"


def test_the_cookie_is_set_once_and_out_of_reach_of_scripts(app: Starlette) -> None:
    fresh = client(app, None)
    first = fresh.get("/")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie
    assert "set-cookie" not in fresh.get("/").headers
    secure = client(app, None).get("/", headers={"x-forwarded-proto": "https"})
    assert "Secure" in secure.headers["set-cookie"]


# --- uploads ---


def test_an_upload_in_pieces_is_whole_on_the_disk(service: Service, app: Starlette) -> None:
    uid = announce(service, app, 11).headers["location"].rpartition("/")[2]
    me = visitor_name(MINE)
    assert patch(service, app, uid, 0, b"hello ").status_code == 204
    assert uploads.find_upload(service, me, uid) is None, "not whole yet"
    head = client(app).head(f"{uploads.URL}/{uid}", headers=headers(service))
    assert head.headers["upload-offset"] == "6"
    assert patch(service, app, uid, 6, b"world").status_code == 204
    found = uploads.find_upload(service, me, uid)
    assert found is not None and found.path.read_bytes() == b"hello world"
    assert found.name == "我的 dance.mp4"
    assert uploads.find_upload(service, visitor_name(THEIRS), uid) is None
    assert uploads.find_upload(service, me, "../" + uid) is None
    facts_note.write(found.path, {}, {})
    client(app).delete(f"{uploads.URL}/{uid}", headers=headers(service))
    assert not list(uploads.folder_of(service, me).glob(f"{uid}*")), "its notes too"


def test_an_upload_under_way_is_told_with_what_has_arrived(
    service: Service, app: Starlette
) -> None:
    me = visitor_name(MINE)
    role = base64.b64encode(b"dance").decode()
    named = {"Upload-Metadata": f"filename YS5tcDQ=,filetype YQ==,role {role}"}
    uid = announce(service, app, 11, **named).headers["location"].rpartition("/")[2]
    patch(service, app, uid, 0, b"hello ")
    (found,) = uploads.unfinished_uploads(service, me)
    assert (found.uid, found.name, found.size, found.sent, found.role) == (
        uid, "a.mp4", 11, 6, "dance",
    )  # fmt: skip
    assert uploads.unfinished_uploads(service, visitor_name(THEIRS)) == []
    patch(service, app, uid, 6, b"world")
    assert uploads.unfinished_uploads(service, me) == [], "it is whole"


def test_bytes_of_a_request_that_died_do_not_spoil_the_file(
    service: Service, app: Starlette
) -> None:
    uid = announce(service, app, 10).headers["location"].rpartition("/")[2]
    patch(service, app, uid, 0, b"01234")
    path = uploads.folder_of(service, visitor_name(MINE)) / uid
    with path.open("ab") as file:  # the server was killed after writing, before noting it
        file.write(b"56")
    assert patch(service, app, uid, 5, b"56789").status_code == 204
    assert path.read_bytes() == b"0123456789"


def test_uploads_from_elsewhere_are_refused(service: Service, app: Starlette) -> None:
    good = {"Upload-Length": "5", "Upload-Metadata": "filename YQ==,filetype YQ=="}
    assert client(app).post(uploads.URL, headers=good).status_code == 403, "no token"
    foreign = announce(service, app, 5, Origin="https://evil.example")
    assert foreign.status_code == 403
    cross = announce(service, app, 5, **{"Sec-Fetch-Site": "cross-site"})
    assert cross.status_code == 403
    own = announce(service, app, 5, Origin="http://testserver")
    assert own.status_code == 201
    stolen = client(app, THEIRS).post(uploads.URL, headers=headers(service, MINE, **good))
    assert stolen.status_code == 403, "another browser's token"
    uid = own.headers["location"].rpartition("/")[2]
    theirs = client(app, THEIRS).head(f"{uploads.URL}/{uid}", headers=headers(service, THEIRS))
    assert theirs.status_code == 404, "another visitor's upload"


def test_limits(service: Service, app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    assert announce(service, app, LIMIT_MB * 1024 * 1024 + 1).status_code == 413
    assert announce(service, app, -1).status_code == 413
    with_body = client(app).post(
        uploads.URL,
        content=b"x" * 100,
        headers=headers(service, **{"Upload-Length": "100"}),
    )
    assert with_body.status_code == 413
    uid = announce(service, app, 4).headers["location"].rpartition("/")[2]
    assert patch(service, app, uid, 0, b"too long").status_code == 400
    assert patch(service, app, uid, 3, b"x").status_code == 409
    concat = announce(service, app, 4, **{"Upload-Concat": f"final;{uid}"})
    assert concat.status_code == 400
    monkeypatch.setattr(limits, "SPARE_BYTES", 10**18)
    assert announce(service, app, 4).status_code == 507


def test_the_uploads_of_one_visitor_have_a_limit_together(service: Service, app: Starlette) -> None:
    me, length = visitor_name(MINE), LIMIT_MB * 1024 * 1024
    first = announce(service, app, length).headers["location"].rpartition("/")[2]
    assert announce(service, app, length).status_code == 201
    assert announce(service, app, length).status_code == 429, "6 of 5 MiB, whole or not"
    assert announce(service, app, length // 2).status_code == 201, "exactly all of it"
    assert sum(limits.announced(service, me)) == 5 * 1024 * 1024
    assert announce(service, app, 1).status_code == 429
    assert limits.announced(service, visitor_name(THEIRS)) == [], "each has their own"
    assert client(app).delete(f"{uploads.URL}/{first}", headers=headers(service)).is_success
    assert announce(service, app, length).status_code == 201


def test_abandoned_uploads_are_removed(service: Service, app: Starlette) -> None:
    import os

    uid = announce(service, app, 4).headers["location"].rpartition("/")[2]
    folder = uploads.folder_of(service, visitor_name(MINE))
    patch(service, app, uid, 0, b"da")
    assert tidy.remove_stale(service) == 0
    old = time.time() - tidy.KEPT_SECONDS - 60
    for path in folder.rglob("*"):
        os.utime(path, (old, old))
    assert tidy.remove_stale(service) == 1
    assert not (folder / uid).exists()
    assert not list((folder / ".locks").glob("*"))


def test_what_is_no_upload_of_ours_stays(service: Service) -> None:
    import os

    incoming = service.settings.outputs / "incoming"
    visitor, uid = visitor_name(MINE), "0" * 32
    theirs = [f"holiday/{uid}", f"{visitor}/1.mp4", f"{visitor}/{uid}.mp4", "everyone/notes.txt"]
    old = time.time() - tidy.KEPT_SECONDS - 60
    parts = [f"{visitor}/{uid}{part}" for part in ("", ".info", ".facts", ".facts.tmp")]
    for name in [*theirs, *parts, f"everyone/{uid}"]:
        path = incoming / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (old, old))
    elsewhere = service.settings.outputs / "elsewhere"
    (incoming / visitor).rename(elsewhere)
    (incoming / visitor).symlink_to(elsewhere)
    assert tidy.remove_stale(service) == 1, "through no link"
    (incoming / visitor).unlink()
    elsewhere.rename(incoming / visitor)
    assert tidy.remove_stale(service) == 1
    left = {path.relative_to(incoming).as_posix() for path in incoming.glob("*/*")}
    assert left == set(theirs)


def test_tokens_differ_by_secret_and_part() -> None:
    assert sign(b"a", "x", "yz") != sign(b"a", "xy", "z")
    assert sign(b"a", "x") != sign(b"b", "x")
    json.dumps(sign(b"a", "x"))


def test_a_disk_that_fills_meanwhile_is_told_and_not_tried_for_ever(
    service: Service, app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = announce(service, app, 4).headers["location"].rpartition("/")[2]
    with monkeypatch.context() as full:
        full.setattr(limits, "SPARE_BYTES", 10**18)
        assert patch(service, app, uid, 0, b"data").status_code == 507
    assert patch(service, app, uid, 0, b"data").status_code == 204


def test_a_small_copy_of_an_earlier_result_is_none(service: Service, app: Starlette) -> None:
    task = finished(service)
    result = files.file_path(service, task, "modular")
    assert result is not None
    small = files.copy_path(service, task.id, "preview-modular")
    small.write_bytes(b"small")
    here = f"/files/{task.id}/preview-modular"
    assert client(app).get(here).content == b"small"
    now = time.time()
    os.utime(small, (now - 60, now - 60))
    os.utime(result, (now, now))  # an adjustment has put another in its place
    assert client(app).get(here).status_code == 404


def test_every_stored_ending_has_a_media_type() -> None:
    """Else a browser would not play it, but save it."""
    assert {f".{ending}" for ending in EXTENSIONS} <= files.MEDIA_TYPES.keys()
    assert stored_name("dance", "Urlaub.VOB") == "dance.vob"
    assert stored_name("reference", "song.aiff.exe") == "reference.bin"
