"""The head of the page and the files that it names, as a browser asks for them."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit import file_util

from ui.assets import FOLDER
from ui.web import look

PAGE = (Path(file_util.get_static_dir()) / "index.html").read_text("utf-8")
"""What Streamlit serves."""


async def streamlits(request: Request) -> Response:
    if request.headers.get("if-none-match") == '"old"':
        return Response(status_code=304)
    return HTMLResponse(PAGE, headers={"etag": '"old"', "last-modified": "yesterday"})


async def another(request: object) -> HTMLResponse:
    return HTMLResponse("<html><head></head><body>another page</body></html>")


@pytest.fixture(scope="module")
def client() -> TestClient:
    routes = [*look.ROUTES, Route("/another", another), Route("/{page:path}", streamlits)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(look.Head)]))


def test_the_page_has_our_title_and_icon_before_any_script_runs(client: TestClient) -> None:
    asked = {"accept": "text/html,*/*;q=0.8", "if-none-match": '"old"', "accept-encoding": "gzip"}
    answer = client.get("/history", headers=asked)
    assert "<title>Retrack</title>" in answer.text and "Streamlit</title>" not in answer.text
    assert "favicon.png" not in answer.text
    # Of two rules as specific, the later one holds, and Streamlit's stand in the head.
    assert answer.text.index(look.STYLE) > answer.text.index('<div id="root">')
    assert "etag" not in answer.headers, "an old copy in the browser is no answer"
    assert len(answer.content) == int(answer.headers["content-length"])
    assert client.get("/another").text == "<html><head></head><body>another page</body></html>"


def test_everything_that_the_head_names_is_there_and_may_be_under_a_path(
    client: TestClient,
) -> None:
    text = client.get("/").text
    named = re.findall(r"(?:href=\"|url\()([^\")]*look/[^\")]+)", text)
    assert len(named) >= 6, named
    for address in named:
        assert address.startswith("./look/"), "relative: a proxy may serve the page under a path"
        assert client.get(address.removeprefix(".")).status_code == 200, address


def test_the_manifest_makes_an_app_of_it(client: TestClient) -> None:
    answer = client.get("/look/manifest.webmanifest")
    assert answer.headers["content-type"] == "application/manifest+json"
    manifest = json.loads(answer.text)
    assert manifest["display"] == "standalone" and manifest["start_url"] == "../"
    purposes = set()
    for icon in manifest["icons"]:
        content = client.get(f"/look/{icon['src']}").content
        with Image.open(io.BytesIO(content)) as picture:
            assert "x".join(map(str, picture.size)) == icon["sizes"]
        purposes.add((icon["sizes"], icon["purpose"]))
    assert purposes >= {("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")}
    assert sum(path.stat().st_size for path in FOLDER.glob("icon-*.png")) <= 30_000


@pytest.mark.parametrize("name", ["__init__.py", "..%2f__init__.py", "icons.py", "subset.sh", ""])
def test_nothing_else_of_the_folder_is_served(client: TestClient, name: str) -> None:
    assert "FOLDER" not in client.get(f"/look/{name}").text


def test_a_player_may_ask_for_a_part_of_the_film(client: TestClient) -> None:
    answer = client.get("/look/film.mp4", headers={"range": "bytes=0-1"})
    assert answer.status_code == 206 and len(answer.content) == 2
