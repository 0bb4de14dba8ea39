"""Where the routes stand, and what proxies do to requests for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient

from tests.ui.routes.routed import (
    MINE,
    SECRET,
    THEIRS,
    announce,
    app_of,
    client,
    finished,
    headers,
    patch,
    uid_of,
)
from ui.incoming import uploads
from ui.service import Service
from ui.web.addresses import also_below
from ui.web.memory import free_memory
from ui.web.visitor import COOKIE, new_key, signed_key, visitor_name

PIECE = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}


def test_every_route_stands_below_the_base_path_too(service: Service) -> None:
    browser = client(app_of("/retrack/"))
    task = finished(service)
    for path in (f"/files/{task.id}/modular", f"/files/bundle?ids={task.id}"):
        for base in ("", "/retrack"):
            assert browser.get(base + path).status_code == 200
            assert client(app_of("retrack"), THEIRS).get(base + path).status_code == 404
    given = headers(
        service, **{"Upload-Length": "4", "Upload-Metadata": "filename YQ==,filetype Yg=="}
    )
    answer = browser.post("/retrack/uploads/files/", headers=given)
    assert answer.status_code == 201
    address = f"/retrack/uploads/files/{answer.headers['location']}"
    assert browser.patch(address, content=b"data", headers=headers(service, **PIECE)).is_success
    fresh = client(app_of("retrack"), None)
    assert fresh.get("/retrack/share/x.y").status_code == 404
    assert COOKIE not in fresh.cookies, "no cookie for who follows a link"
    with pytest.raises(TypeError):
        list(also_below("a", [WebSocketRoute("/socket", lambda socket: None)]))


@pytest.mark.parametrize("base", ["", "/retrack"])
@pytest.mark.parametrize("folder", ["files", "uploads", "api"])
def test_what_is_unknown_below_our_folders_is_not_found(
    service: Service, folder: str, base: str
) -> None:
    browser = client(app_of(base))
    for path in ("", "/", "/x", "/x/y/z", "/files.css", "/filesystem/x"):
        for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
            answer = browser.request(method, f"{base}/{folder}{path}")
            assert answer.status_code == 404, (method, path)


def test_a_new_upload_is_named_relative_to_what_was_asked(service: Service, app: Starlette) -> None:
    named = announce(service, app, 4, **{"X-Forwarded-Host": "elsewhere.example"})
    folder, _, uid = named.headers["location"].partition("/")
    assert folder == "files" and patch(service, app, uid, 0, b"data").is_success


def test_a_post_stands_for_a_method_that_a_proxy_refuses(service: Service, app: Starlette) -> None:
    browser, uid = client(app), uid_of(announce(service, app, 4))
    address = f"{uploads.URL}/{uid}"

    def post(method: str, body: bytes = b"", **more: str) -> int:
        given = headers(service, **{**PIECE, "X-HTTP-Method-Override": method, **more})
        return int(browser.post(address, content=body, headers=given).status_code)

    # It is judged as what it stands for: origin, the page's token, the offset, the length.
    assert post("PATCH", b"data", Origin="https://evil.example") == 403
    assert post("PATCH", b"data", **{uploads.TOKEN_HEADER: "x"}) == 403
    assert post("PATCH", b"data", **{"Upload-Offset": "1"}) == 409
    assert post("PATCH", b"too much") == 400
    assert post("PUT", b"data") == post("patch", b"data") == 400
    upload = uploads.folder_of(service, visitor_name(MINE)) / uid
    assert upload.read_bytes() == b""
    assert post("PATCH", b"data") == 204
    assert upload.read_bytes() == b"data"
    hidden = browser.patch(address, headers=headers(service, **{"X-HTTP-Method-Override": "HEAD"}))
    assert hidden.status_code == 400, "only a POST stands for another"
    probe = headers(service, **{"X-HTTP-Method-Override": "OPTIONS"})
    assert browser.post(f"{uploads.URL}/", headers=probe).status_code == 204
    assert post("DELETE") == 204
    assert not upload.exists()


def test_every_answer_of_the_upload_route_names_the_protocol(
    service: Service, app: Starlette
) -> None:
    """By which the page's uploader knows it from a proxy's."""
    for key, method, below in (
        (MINE, "OPTIONS", "/"),
        (MINE, "PUT", ""),
        (MINE, "HEAD", "/" + "0" * 32),
        (None, "OPTIONS", "/"),
    ):
        answer = client(app, key).request(method, uploads.URL + below, headers=headers(service))
        assert answer.headers["tus-resumable"] == "1.0.0", (method, below)


def test_a_cookie_of_another_server_on_the_host_takes_nothing_away(
    service: Service, app: Starlette
) -> None:
    """Two of them under two paths: a browser sends both cookies, the nearer path's first."""
    task = finished(service)
    fresh = client(app, None).get("/").headers["set-cookie"]
    assert "path=" not in fresh.lower(), "it belongs where the page stands for the browser"
    mine, other = signed_key(MINE, SECRET), signed_key(new_key(), b"another")
    for both in ((mine, other), (other, mine)):
        sent = {"cookie": "; ".join(f"{COOKIE}={one}" for one in both)}
        browser = TestClient(app, headers=sent)
        assert browser.get(f"/files/{task.id}/modular").status_code == 200
        assert "set-cookie" not in browser.get("/").headers


def test_a_control_group_limits_the_memory(tmp_path: Path) -> None:
    free = free_memory(tmp_path)
    assert free > 0, "no group: the machine's"
    (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 3000\n")
    (tmp_path / "memory.current").write_text("8000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(tmp_path) > 10_000
    (tmp_path / "memory.max").write_text("9000\n")
    assert free_memory(tmp_path) == 4000, "the kernel gives back what it keeps of files"
