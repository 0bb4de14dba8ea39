"""A dancer's way through the page: upload, watch, compare, nudge, download."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.serving import Server

pytestmark = pytest.mark.browser

DONE = "text=/Both methods agree/"


def wait_done(page: Any) -> None:
    page.locator(DONE).wait_for(timeout=120_000)


def records(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((server.outputs / "task_status.json").read_text())
    return found


def hand_in(page: Any, dances: list[Path], reference: Path) -> None:
    inputs = page.locator(".uploader input[type=file]")
    inputs.nth(0).set_input_files([str(dance) for dance in dances])
    inputs.nth(1).set_input_files(str(reference))
    page.locator(".uploader li[data-state=done]").nth(len(dances)).wait_for()
    page.get_by_role("button", name=re.compile("Put the music under")).click()


def test_upload_to_download(
    server: Server,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    pair: tuple[Path, Path],
) -> None:
    page = visit(server.url)
    shot(page, "empty")
    inputs = page.locator(".uploader input[type=file]")
    inputs.nth(0).set_input_files(str(pair[0]))
    inputs.nth(1).set_input_files(str(pair[1]))
    page.locator(".uploader li[data-state=done]").nth(1).wait_for()
    page.locator(".uploader .text", has_text="fps").wait_for()
    shot(page, "uploaded")
    page.get_by_role("button", name="Put the music under it").click()
    page.wait_for_url(re.compile(r"task="))
    wait_done(page)
    assert "task=" in page.url

    # The three players run in step, and the keys change what is heard.
    page.locator(".compare .play").click()
    for _ in range(20):  # a busy machine starts them one after the other
        page.wait_for_timeout(500)
        state = players(page)
        times = [p["time"] for p in state]
        if min(times) > 0.5 and max(times) - min(times) < 0.05:
            break
    assert min(times) > 0.5 and max(times) - min(times) < 0.05, state
    assert [p["muted"] for p in state].count(False) == 1
    for key, track in (("1", "original"), ("2", "modular"), ("3", "v2")):
        page.keyboard.press(key)
        assert page.locator(".compare").get_attribute("data-active") == track
        state = players(page)
        assert [p["muted"] for p in state].count(False) == 1
        assert not any(p["paused"] for p in state), "switching must not stop anything"
    page.locator(".compare").press(" ")
    page.wait_for_timeout(300)
    before = players(page)[2]["time"]
    page.locator("body").press("ArrowRight")
    page.wait_for_timeout(500)
    step = players(page)[2]["time"] - before
    assert 0.01 < step < 0.08, "one frame"
    assert "track=v2" in page.url and "&t=" in page.url
    shot(page, "compare", full=True)

    # A reload opens the same task, track and place.
    page.reload()
    wait_done(page)
    page.wait_for_function(
        "() => { const r = [...document.querySelectorAll('*')].map(e => e.shadowRoot)"
        ".filter(Boolean).map(s => s.querySelector('.compare')).find(Boolean);"
        " return r && r.dataset.active === 'v2' &&"
        " r.querySelectorAll('video')[2].currentTime > 0.5; }"
    )

    # Nudge by ear, save, and the result is made again.
    page.get_by_role("radio", name="Adjust").click()
    page.locator(".adjust [data-by='10']").click()
    page.locator(".adjust [data-by='10']").click()
    page.locator(".adjust .play").click()
    page.wait_for_timeout(1500)
    assert page.locator(".adjust").get_attribute("data-nudge") == "20"
    delay = page.locator(".adjust").get_attribute("data-delay")
    assert delay is not None and abs(float(delay) - 0.62) < 1e-3
    shot(page, "adjust", full=True)
    save = page.get_by_role("button", name="Save")
    page.wait_for_timeout(1000)
    save.click()
    page.wait_for_function("() => document.body.innerText.includes('the new result is being made')")
    task_id = re.search(r"task=([0-9a-f-]+)", page.url)
    assert task_id is not None
    for _ in range(120):
        record = records(server)[task_id.group(1)]
        if record.get("revision") == 1:
            break
        page.wait_for_timeout(500)
    assert record["plans"]["modular"]["options"]["nudge_ms"] == 20
    assert record["status"] == "success"

    page.get_by_role("radio", name="Evidence").click()
    page.locator("text=/waveforms|time line/i").first.wait_for()
    page.wait_for_timeout(4000)
    shot(page, "evidence", full=True)
    page.get_by_role("radio", name="Place by hand").click()
    page.locator(".place .listen").wait_for()
    shot(page, "place", full=True)
    page.get_by_role("radio", name="Events").click()
    page.locator("[data-testid=stTable]").wait_for()
    page.get_by_role("radio", name="Watch and compare").click()
    link = page.get_by_role("link", name=re.compile("Modular · "))
    with page.expect_download() as download:
        link.click()
    path = Path(download.value.path())
    assert path.stat().st_size > 100_000
    assert download.value.suggested_filename.endswith("_modular.mp4")


def players(page: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.locator(".compare video").evaluate_all(
        "videos => videos.map(v => ({time: v.currentTime, muted: v.muted, paused: v.paused,"
        " failed: !!v.error}))"
    )
    return found


def test_a_whole_class_in_one_go(
    server: Server, visit: Callable[..., Any], pair: tuple[Path, Path], tmp_path: Path
) -> None:
    names = ["class one.mp4", "class <img src=x onerror=alert(1)>.mp4"]
    dances = []
    for name in names:
        path = tmp_path / name
        path.write_bytes(pair[0].read_bytes())
        dances.append(path)
    before = set(records(server))
    page = visit(server.url)
    hand_in(page, dances, pair[1])
    wait_done(page)
    new = {i: r for i, r in records(server).items() if i not in before}
    assert sorted(r["dance_name"] for r in new.values()) == sorted(names)
    assert list((server.outputs / "incoming").glob("*/*")) == [] or not [
        p for p in (server.outputs / "incoming").glob("*/*") if p.is_file()
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "empty"), (b"just some words, no film\n" * 50, "neither video nor sound")],
    ids=["zero bytes", "a text"],
)
def test_bad_files_are_named_at_once_and_fail_clearly(
    server: Server,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    pair: tuple[Path, Path],
    tmp_path: Path,
    content: bytes,
    said: str,
) -> None:
    bad = tmp_path / "film.mp4"
    bad.write_bytes(content)
    page = visit(server.url)
    hand_in(page, [bad], pair[1])
    page.locator(".st-key-detail", has_text=said).wait_for(timeout=60_000)
    assert "Traceback" not in page.content()
    shot(page, "failed")
    page.get_by_role("radio", name="简体中文").click()
    page.locator("text=失败").first.wait_for()


def test_a_dropped_connection_goes_on_where_it_stopped(
    server: Server, visit: Callable[..., Any], pair: tuple[Path, Path], tmp_path: Path
) -> None:
    dance = tmp_path / "long.mp4"
    # Two requests of 16 MiB: what follows the film is ignored by every demuxer.
    free = (8 + 20 * 1024 * 1024).to_bytes(4, "big") + b"free" + bytes(20 * 1024 * 1024)
    dance.write_bytes(pair[0].read_bytes() + free)
    page = visit(server.url)
    offsets: list[int] = []

    def drop(route: Any) -> None:
        if route.request.method == "PATCH":
            offsets.append(int(route.request.headers["upload-offset"]))
            if len(offsets) in {2, 3}:
                route.abort("connectionreset")
                return
        route.continue_()

    page.route("**/uploads/files/*", drop)
    page.locator(".uploader input[type=file]").nth(0).set_input_files(str(dance))
    page.locator(".uploader li[data-state=resuming]").wait_for()
    page.locator(".uploader li[data-state=done]").wait_for(timeout=60_000)
    piece = 16 * 1024 * 1024
    assert offsets == [0, piece, piece, piece], "only the piece that was lost is sent again"
    stored = [p for p in (server.outputs / "incoming").glob("*/*") if len(p.name) == 32]
    assert any(p.read_bytes() == dance.read_bytes() for p in stored)
