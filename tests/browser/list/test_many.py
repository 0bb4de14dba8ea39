"""Many tasks: bulk actions, search, filter, order, pages, the CSV, times in the viewer's zone."""

from __future__ import annotations

import csv
import io
import re
import uuid
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.browser.contrast import AA, columns, contrast
from tests.browser.serving import Server
from tests.browser.steps import (
    GRID,
    ROWS,
    cells,
    choose_language,
    grid_cells,
    in_the_dark,
    put_in,
    records,
    select_named,
    settled,
    standing_still,
    until,
    wait_grid,
    wait_rows,
    wait_status,
)
from tests.browser.visitor import Visitor
from tests.kinds import more
from ui.words import sentences
from ui.words.text import say

pytestmark = pytest.mark.browser

BEGIN = datetime.now(UTC).replace(hour=16, minute=30, second=0, microsecond=0) - timedelta(days=1)
"""Half past midnight of the next day in Shanghai, half past eleven or noon in New York."""
OLD = str(uuid.UUID(int=99, version=4))
FORMULA = "=HYPERLINK(1).mp4"


def ended(number: int, **more: Any) -> dict[str, Any]:
    """A task that ended well, an hour of the day before for each number."""
    at = BEGIN + timedelta(seconds=number)
    return {
        "status": "success",
        "message": "处理成功",
        "created_at": at.isoformat(),
        "started_at": at.isoformat(),
        "completed_at": (at + timedelta(seconds=40)).isoformat(),
        "modular_output": None,
        "v2_output": None,
        "dance_name": f"class {number:02d}.mp4",
        "reference_name": "song.m4a",
        "alignment": {"matched": True, "confidence": (number % 10) / 10, "agreement_ms": 2.5},
        **more,
    }


@pytest.fixture(scope="module")
def crowded(serve_module: Callable[..., Server]) -> Server:
    tasks = {str(uuid.UUID(int=n, version=4)): ended(n) for n in range(30)}
    for number in (3, 4):
        tasks[str(uuid.UUID(int=number, version=4))] |= {
            "status": "failed",
            "message": "处理失败",
            "reason": "no_sound",
            "dance_name": FORMULA if number == 3 else "mute 四.mp4",
        }
    tasks[OLD] = ended(0, dance_name="expired.mp4")
    long_ago = datetime.now(UTC) - timedelta(days=2)
    tasks[OLD] |= {"created_at": long_ago.isoformat(), "completed_at": long_ago.isoformat()}
    return serve_module(tasks=tasks, keep_hours="36")


def test_search_filter_order_and_pages(crowded: Server, visit: Callable[..., Any]) -> None:
    page = visit(crowded.url)
    page.locator("text=Tasks: 30").wait_for()
    assert [row[1] for row in wait_rows(page, 25)][:2] == ["class 29.mp4", "class 28.mp4"]
    page.get_by_role("button", name="Next page").click()
    assert [row[1] for row in wait_rows(page, 5)][-1] == "class 00.mp4"
    search = page.get_by_role("textbox", name="Search")
    search.fill("CLASS 1")
    search.press("Enter")
    assert {row[1] for row in wait_rows(page, 10)} == {f"class {n}.mp4" for n in range(10, 20)}
    search.fill("nothing of this name")
    search.press("Enter")
    page.locator("text=No task matches").wait_for()
    search.fill("")
    search.press("Enter")
    page.get_by_role("button", name="Failed", exact=True).click()
    assert {row[1] for row in wait_rows(page, 2)} == {FORMULA, "mute 四.mp4"}
    page.get_by_role("button", name="Failed", exact=True).click()
    page.locator("text=Tasks: 30").wait_for()
    page.get_by_role("combobox", name=re.compile("Sort by")).click()
    page.get_by_role("option", name="Oldest first").click()
    until(page, lambda: [row[1] for row in cells(page)][:1] == ["class 00.mp4"], "the oldest first")
    assert not any(row[5:] for row in cells(page)), "more columns only for who asks"
    page.get_by_role("button", name="Columns").click()
    for column in ("Confidence", "Agreement"):
        page.get_by_role("button", name=column, exact=True).click()
    until(page, lambda: cells(page)[0][5:] == ["2.5 ms", "0%"], "the columns, in their order")
    page.get_by_role("link", name="History").click()
    page.get_by_role("link", name="Back").click()
    assert wait_rows(page, 25)[0][5:] == ["2.5 ms", "0%"], "remembered in the visit"


def test_an_expired_link_says_so_and_the_history_remembers(
    crowded: Server, visit: Callable[..., Any]
) -> None:
    page = visit(f"{crowded.url}/?task={OLD}")
    page.locator("text=may have expired").wait_for()
    assert OLD not in records(crowded)
    page.get_by_role("button", name="All tasks").click()
    page.locator("text=may have expired").wait_for(state="detached")
    assert "task=" not in page.url
    page.get_by_role("link", name="History").click()
    wait_grid(page, 31)
    page.locator(GRID).first.hover(force=True)  # an empty layer above it takes the wheel
    page.mouse.wheel(0, 5000)
    until(
        page, lambda: "expired.mp4" in {row[1] for row in grid_cells(page)}, "the oldest in sight"
    )
    page.get_by_role("button", name="Refresh").wait_for()
    assert page.locator("[data-testid=stMetric]").count() == 0, "rates are the operator's"
    page.get_by_role("link", name="Back").click()
    wait_rows(page, 25)


def test_the_operator_finds_health_and_rates_in_one_place(
    crowded: Server, visit: Callable[..., Any]
) -> None:
    page = visit(crowded.url)
    page.get_by_role("link", name="Operator").click()
    page.get_by_text("Everything is well.").wait_for()
    rate = page.locator("[data-testid=stMetric]", has_text="Success rate")
    assert "94%" in rate.inner_text(), "29 of 31"
    page.goto(f"{crowded.url}/health")  # what a bookmark of before names
    page.get_by_text("Everything is well.").wait_for()
    rate.wait_for()


def test_every_status_can_be_read(own: Visitor, visit: Callable[..., Any]) -> None:
    """By day and in the dark."""
    lately = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    times = {"created_at": lately, "started_at": lately, "completed_at": lately}
    failed = {"status": "failed", "message": "x"}
    ambiguous = {"matched": True, "confidence": 0.5, "ambiguous": True}
    kinds: list[dict[str, Any]] = [
        {},
        {"alignment": ambiguous},
        {**failed, "reason": "crashed"},
        {**failed, "reason": "cancelled"},
        {**failed, "reason": "no_sound", "reason_role": "dance"},
    ]
    own.bring({str(uuid.uuid4()): ended(n, **times, **kind) for n, kind in enumerate(kinds)})
    page = visit(own.server.url, before=own.enter)
    wait_rows(page, len(kinds))
    for tone in ("wait", "busy"):  # which only a running task would show
        page.locator(".chip[data-tone=good]").evaluate(
            "(chip, tone) => { chip.after(chip.cloneNode(true));"
            " chip.nextSibling.dataset.tone = tone; }",
            tone,
        )
    chips = page.locator(".chip").all()
    assert {chip.get_attribute("data-tone") for chip in chips} == set(sentences.TONES.values())
    for dark in (False, True):
        in_the_dark(page, dark)
        settled(page)
        for chip in chips:
            assert contrast(chip.screenshot()) >= AA, (dark, chip.inner_text())
    page.get_by_role("link", name="History").click()
    wait_grid(page, len(kinds))
    for dark in (True, False):
        in_the_dark(page, dark)
        settled(page)
        picture = page.locator("[data-testid=stDataFrame]").screenshot()
        rows = grid_cells(page)
        titles = ["title"] * len(rows[0])
        for row, texts in enumerate([titles, *rows]):  # a canvas is not seen by axe
            cells_of_row = columns(picture, 35 * row + 4, 35 * row + 31)
            for text, cell in zip(texts, cells_of_row, strict=True):
                assert not text or contrast(picture, cell) >= AA, (dark, row, text)


def test_the_csv_is_whole_and_harmless(crowded: Server, visit: Callable[..., Any]) -> None:
    page = visit(f"{crowded.url}/history")
    with page.expect_download() as download:
        page.locator("[data-testid=stDownloadButton] button").click()
    data = Path(download.value.path()).read_bytes()
    assert data.startswith(b"\xef\xbb\xbf"), "spreadsheets then read Chinese names"
    found = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert len(found) == 31
    assert {row["id"] for row in found} == {OLD, *records(crowded)}
    names = {row["dance"] for row in found}
    assert "mute 四.mp4" in names
    assert f"'{FORMULA}" in names and FORMULA not in names, "no cell is a formula"
    [mute] = [row for row in found if row["dance"] == "mute 四.mp4"]
    assert mute["status"] == "failed" and mute["reason"] == "The file has no sound."


@pytest.mark.parametrize(
    ("timezone", "hour", "days"), [("Asia/Shanghai", 0, 1), *more(("America/Sao_Paulo", 13, 0))]
)
def test_times_are_the_viewers_own(
    crowded: Server, visit: Callable[..., Any], timezone: str, hour: int, days: int
) -> None:
    page = visit(crowded.url, timezone=timezone)
    wait_rows(page, 25)
    day = BEGIN + timedelta(days=days)
    moment = page.locator(ROWS).first.locator("time")
    assert moment.get_attribute("title") == f"{day:%Y-%m-%d} {hour:02d}:30:29"


def test_the_language_can_be_switched_and_stays(crowded: Server, visit: Callable[..., Any]) -> None:
    task_id = str(uuid.UUID(int=7, version=4))
    page = visit(f"{crowded.url}/?task={task_id}")
    page.locator(".st-key-head", has_text="Probably in sync").wait_for()
    choose_language(page, "简体中文")
    page.locator(".st-key-head", has_text="很可能已对齐").wait_for()
    assert f"task={task_id}" in page.url, "the opened task stays open"
    page.get_by_role("button", name="全部任务").click()
    until(page, lambda: any("完成" in row[0] for row in cells(page)), "the table's words")
    page.get_by_role("link", name="历史").click()
    page.locator("[data-testid=stDownloadButton]", has_text=say("zh", "history.csv")).wait_for()
    page.reload()
    page.locator("[data-testid=stDownloadButton]", has_text=say("zh", "history.csv")).wait_for()
    choose_language(page, "English")
    page.locator("[data-testid=stDownloadButton]", has_text="Download as CSV").wait_for()


def test_bulk_actions(
    server: Server, visit: Callable[..., Any], shot: Callable[..., None], pair: tuple[Path, Path]
) -> None:
    page = visit(server.url)
    first = put_in(server, pair, "bulk 0.mp4")
    bulk = page.locator(".st-key-bulk")

    def select(*numbers: int) -> None:
        for count, number in enumerate(numbers, 1):
            select_named(page, f"bulk {number}.mp4")
            bulk.locator(f"text={count} selected").wait_for()

    with standing_still(server, first):
        ids = [first, *(put_in(server, pair, f"bulk {n}.mp4") for n in (1, 2))]
        select(1, 2)  # which wait behind the first
        bulk.get_by_role("button", name="Cancel").click()
        page.locator("text=Cancelled: 2").wait_for()
    for task_id in ids[1:]:
        assert wait_status(server, page, task_id, "failed")["reason"] == "cancelled"
    bulk.get_by_role("button", name="Retry").click()
    for task_id in ids:
        wait_status(server, page, task_id, "success")
    bulk.get_by_role("button", name="Clear the selection").click()
    bulk.wait_for(state="detached")
    select(0, 2)
    shot(page, "bulk")
    with page.expect_download() as download:
        bulk.get_by_role("link", name="Download").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["bulk 0_retrack.mp4", "bulk 2_retrack.mp4"]
        for name, task_id in (("bulk 0", ids[0]), ("bulk 2", ids[2])):
            result = server.outputs / "results" / task_id / f"{task_id}_modular.mp4"
            assert archive.read(f"{name}_retrack.mp4") == result.read_bytes()
    bulk.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").locator("text=bulk 2.mp4").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Keep").click()
    assert set(ids) <= set(records(server)), "Keep keeps"
    bulk.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.locator("text=Deleted: 2").wait_for()
    assert set(ids) & set(records(server)) == {ids[1]}
    names = ["bulk 1.mp4"]
    until(page, lambda: [n for _, n, *_ in cells(page) if n.startswith("bulk ")] == names, "one")
