"""What gets in at all, asked of a real server: every path, every origin, uploads into memory."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from tests.browser.serving import ROOT, Server

OPEN = {
    "/files/bundle",
    "/files/{task}/{kind}",
    "/look/{name}",  # what everybody may have: tests/ui/web/test_look.py
    "/share/{token}",
    "/share/{token}/{task}/{part}",
    "/share/{rest:path}",
    "/uploads",
    "/files",  # whatever else is asked for there is 404
    "/api",
    "/healthz",
    "/metrics",
    "/readyz",
    "/_stcore/health",
    "/_stcore/host-config",
    "/_stcore/stream",
    "/media/{file_id:path}",  # the history's CSV
    "",  # Streamlit's own files, and the page for every other address
}
CLOSED = {
    "/_stcore/metrics",
    "/_stcore/upload_file/{session_id}/{file_id}",
    "/component/{path:path}",
    "/_stcore/bidi-components/{path:path}",  # ours come with the page's messages
    "/auth/login",
    "/auth/logout",
    "/oauth2callback",
    "/_stcore/agent/interact",
    "/_stcore/agent/openapi.json",
    "/_stcore/agent/mcp",
}
LIST_PATHS = """
import json, streamlit_app
print(json.dumps([route.path for route in streamlit_app.app._build_starlette_app().routes]))
"""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
PLAIN = ssl.create_default_context()
"""Each request would make one of its own, which reads the machine's certificates: 30 ms."""


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(**settings: str) -> Server:
        outputs = tmp_path_factory.mktemp("access") / "outputs"
        servers.append(Server(outputs, **settings).start())
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def server(start: Callable[..., Server]) -> Server:
    return start(uploads_gb_per_visitor="0.004", framed_by="https://class.example")


def open_socket(
    server: Server, origin: str | None, cookie: str = "", host: str = "", **headers: str
) -> ClientConnection:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return connect(
        f"ws://{host or f'127.0.0.1:{server.port}'}/_stcore/stream",
        sock=socket.create_connection(("127.0.0.1", server.port)),
        subprotocols=[Subprotocol("streamlit")],
        origin=Origin(origin) if origin is not None else None,
        additional_headers={**more, **({"Cookie": cookie} if cookie else {})},
        max_size=None,
    )


def run(page: ClientConnection) -> list[ForwardMsg]:
    """Ask for the page, and read until its run is over."""
    ask = BackMsg()
    ask.rerun_script.query_string = ""
    page.send(ask.SerializeToString())
    messages = [ForwardMsg()]
    while messages[-1].WhichOneof("type") != "script_finished" or len(messages) < 3:
        data = page.recv(timeout=60)
        assert isinstance(data, bytes)
        messages.append(ForwardMsg.FromString(data))
    return messages


def session_of(page: ClientConnection) -> str:
    """Ask for the page; gives the id of its session."""
    started = [one for one in run(page) if one.WhichOneof("type") == "new_session"]
    return started[-1].new_session.initialize.session_id


def pages_of(page: ClientConnection) -> set[str]:
    """Ask for the page; gives the addresses in its navigation."""
    return {one.url_pathname for message in run(page) for one in message.navigation.app_pages}


def test_the_health_page_is_for_this_machine(start: Callable[..., Server]) -> None:
    """A named login sees it too: tests/browser/journeys/test_login.py."""
    operators = {"", "history", "operator", "health"}
    for visibility, later in (("", operators), ("private", {"", "history"})):
        server = start(visibility=visibility)
        with open_socket(server, f"http://127.0.0.1:{server.port}") as page:
            assert pages_of(page) == operators
        with open_socket(server, "https://retrack.example", host="retrack.example") as page:
            assert pages_of(page) == {"", "history"}
        with open_socket(server, f"http://127.0.0.1:{server.port}") as page:
            assert pages_of(page) == later


def test_every_path_of_the_app_is_known(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIST_PATHS],
        cwd=ROOT,
        env={**os.environ, "RETRACK_OUTPUTS": str(tmp_path / "outputs")},
        capture_output=True,
        text=True,
        check=True,
    )
    found = set(json.loads(done.stdout.splitlines()[-1]))
    assert found == OPEN | CLOSED, "a path that is new: does the page use it?"


@pytest.mark.parametrize("path", sorted(CLOSED))
def test_what_the_page_does_not_use_is_not_there(server: Server, path: str) -> None:
    for name in ("{session_id}", "{file_id}", "{path:path}"):
        path = path.replace(name, "x")
    for address in (path, f"{path}/", f"/retrack{path}"):
        for method in METHODS:
            answer = httpx.request(method, server.url + address, verify=PLAIN)
            assert answer.status_code == 404, (method, address)


def test_what_the_page_uses_is_there(server: Server) -> None:
    page = httpx.get(server.url)
    assert page.status_code == 200
    assert 'id="root"' in page.text
    for path in ("/_stcore/health", "/_stcore/host-config", "/favicon.png"):
        assert httpx.get(server.url + path).status_code == 200, path
    assert httpx.get(server.url + "/media/x").text == "File not found", "asked of Streamlit"


@pytest.mark.parametrize("path", sorted(OPEN | CLOSED))
def test_every_answer_says_what_a_browser_must_not_do(server: Server, path: str) -> None:
    address = server.url + re.sub(r"{[^}]*}", "x", path)
    for method in ("GET", "POST", "OPTIONS"):
        said = httpx.request(method, address, verify=PLAIN).headers
        assert said["x-content-type-options"] == "nosniff", method
        assert said["referrer-policy"] in {"same-origin", "no-referrer"}, method
        assert "cache-control" in said, method
        policy = {
            part.split()[0]: part.split()[1:] for part in said["content-security-policy"].split(";")
        }
        assert policy["default-src"] in (["'self'"], ["'none'"]), method
        assert "'unsafe-inline'" not in policy.get("script-src", []), method
        if "html" in said.get("content-type", "") and "share" not in path:
            assert policy["frame-ancestors"] == ["'self'", "https://class.example"], method


def upload(server: Server, session: str, size: int, name: str = "f") -> int:
    with httpx.Client(base_url=server.url) as client:
        client.get("/_stcore/health").raise_for_status()
        answer = client.put(
            f"/_stcore/upload_file/{session}/{name}",
            files={"file": ("a.mp4", bytes(size))},
            headers={"X-Xsrftoken": client.cookies["_streamlit_xsrf"]},
        )
    return answer.status_code


def test_streamlits_uploads_are_closed_to_a_page_that_has_its_own(server: Server) -> None:
    cookie = httpx.get(server.url).headers["set-cookie"].partition(";")[0]
    with open_socket(server, None, cookie) as page:
        assert upload(server, session_of(page), 10) == 404


def test_streamlits_uploads_count_like_any_where_they_are_shown(server: Server) -> None:
    with open_socket(server, None) as page:  # a browser that keeps no cookie
        session = session_of(page)
        assert upload(server, session, 2_000_000, "one") == 204
        assert upload(server, session, 2_000_000, "two") == 204
        assert upload(server, session, 2_000_000, "three") == 429, "6 of 4.3 MB"
        assert upload(server, session, 2_000_000, "two") == 204, "in the place of the other"
    assert upload(server, "another", 10) == 404


HANDSHAKES = {
    # name: (Origin, other headers, whether it is taken)
    "no browser": (None, {}, True),
    "own": ("http://127.0.0.1:{port}", {}, True),
    "kept host": ("https://retrack.example", {"host": "retrack.example"}, True),
    "port of the scheme": ("https://retrack.example", {"host": "retrack.example:443"}, True),
    "forwarded": ("https://retrack.example", {"X_Forwarded_Host": "retrack.example"}, True),
    "forwarded for": (
        "https://retrack.example",
        {"X_Forwarded_Host": "retrack.example", "X_Forwarded_For": "203.0.113.9"},
        True,
    ),
    "public": ("https://dance.example:8443", {}, True),
    "public, other scheme": ("http://dance.example:8443", {}, False),
    "foreign": ("http://evil.example", {}, False),
    "another server here": ("http://localhost:1", {}, False),
    "another here by address": ("http://127.0.0.1:1", {}, False),
    "hidden": ("null", {}, False),
    "empty": ("", {}, False),
    "malformed": ("http://[", {}, False),
    "foreign, fetch": ("http://evil.example", {"Sec_Fetch_Site": "same-origin"}, False),
}


@pytest.fixture(scope="module")
def public(start: Callable[..., Server]) -> Server:
    return start(public_url="https://Dance.example:8443/")


@pytest.mark.parametrize("name", HANDSHAKES)
def test_a_websocket_is_judged_before_streamlit(public: Server, name: str) -> None:
    origin, headers, taken = HANDSHAKES[name]
    origin = origin.format(port=public.port) if origin else origin
    try:
        with open_socket(public, origin, **headers) as page:
            session_of(page)
            got = True
    except InvalidStatus as error:
        assert error.response.status_code == 403
        got = False
    assert got is taken
    log = public.log.read_text()
    assert "Rejecting WebSocket" not in log, "Streamlit has judged it"
    assert taken or "RETRACK_PUBLIC_URL" in log


def test_a_malformed_host_is_a_bad_request(server: Server) -> None:
    for headers in ({"Host": "["}, {"Host": "a:b"}, {"Host": "[::1"}):
        for path in ("/", "/uploads/files", "/_stcore/health"):
            assert httpx.get(server.url + path, headers=headers).status_code == 400


def test_what_no_page_asks_is_not_answered(server: Server) -> None:
    """Streamlit would say that it refuses this one here; where it does not, it writes files."""
    with open_socket(server, f"http://127.0.0.1:{server.port}") as page:
        ask = BackMsg()
        ask.backend_operation_request.session_id = session_of(page)
        ask.backend_operation_request.install_skills.SetInParent()
        page.send(ask.SerializeToString())
        kinds = {one.WhichOneof("type") for one in run(page)}
    assert "new_session" in kinds and "backend_operation_response" not in kinds
