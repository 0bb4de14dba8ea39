"""Search, filter, sort, pages and the queue, on tasks as the file may have them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.tasks.queue import queue_of
from pipeline.tasks.record import TaskRecord
from tests.tasks import task_of
from ui.table import rows
from ui.words import sentences
from ui.words.names import download_name, plain, shown_name

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def task(number: int, status: str = "success", **fields: Any) -> TaskRecord:
    created = NOW - timedelta(hours=10) + timedelta(minutes=number)
    fields.setdefault("dance_name", f"dance {number}.mp4")
    return task_of(f"00000000-0000-4000-8000-{number:012d}", status, created_at=created, **fields)


TASKS = [task(1), task(2, "failed"), task(3, "pending"), task(4, "processing"), task(5)]


def ids(page: rows.Page) -> list[int]:
    return [int(task.id[-3:]) for task in page.tasks]


def test_newest_first_is_the_default() -> None:
    assert ids(rows.take_page(TASKS, rows.View())) == [5, 4, 3, 2, 1]


def test_search_is_by_name_without_case_and_by_the_beginning_of_the_id() -> None:
    assert ids(rows.take_page(TASKS, rows.View(search=" DANCE 4 "))) == [4]
    assert ids(rows.take_page(TASKS, rows.View(search=TASKS[1].id[:36]))) == [2]
    assert ids(rows.take_page(TASKS, rows.View(search="nothing"))) == []


def test_filter_and_pages() -> None:
    view = rows.View(statuses=frozenset({"success", "failed"}), page_size=2, page=2)
    page = rows.take_page(TASKS, view)
    assert (ids(page), page.pages, page.matching) == ([1], 2, 3)
    beyond = rows.take_page(TASKS, rows.View(page=99, page_size=2))
    assert (ids(beyond), beyond.number) == ([1], 3)


def test_sort_by_confidence_and_status() -> None:
    some = [
        task(1, alignment={"confidence": 0.2}),
        task(2, "failed"),
        task(3, alignment={"confidence": 0.9}),
    ]
    assert ids(rows.take_page(some, rows.View(order="confidence"))) == [3, 1, 2]
    assert ids(rows.take_page(TASKS, rows.View(order="status")))[:2] == [3, 4]


@pytest.mark.parametrize("odd", [None, "0.9", True, [], {}, 1e300])
def test_a_persons_edit_of_a_figure_breaks_nothing(odd: Any) -> None:
    assert task(1, alignment={"confidence": odd}).answer.confidence is None


def test_the_queue_gives_places_and_when_it_will_be_empty() -> None:
    done = [
        task(n, started_at=NOW - timedelta(seconds=100), completed_at=NOW - timedelta(seconds=40))
        for n in range(3)
    ]
    running = task(10, "processing", seconds_left=30.0)
    waiting = [task(11, "pending"), task(12, "pending")]
    queue = queue_of([*done, running, *waiting], 1, NOW)
    assert queue.places == {waiting[0].id: 1, waiting[1].id: 2}
    assert queue.running == 1
    assert queue.seconds_left == pytest.approx(30 + 60 + 60)
    assert queue_of([running, *waiting], 1, NOW).seconds_left is None, "nothing tells"
    two = queue_of([*done, running, *waiting], 2, NOW)
    assert two.seconds_left == pytest.approx(75)


def test_an_adjustment_counts_as_work() -> None:
    half = {"number": 1, "status": "processing", "progress": 0.5}
    over = {"number": 1, "status": "failed", "reason": "crashed"}
    tasks = [task(1, adjust=half), task(2, adjust=over), task(3)]
    queue = queue_of(tasks, 1, NOW)
    assert (queue.adjusting, queue.running, queue.seconds_left) == (1, 0, None)
    assert [one.adjusting for one in tasks] == [True, False, False]
    told = [sentences.stage_text(one, queue) for one in tasks]
    assert told[0] == "Making your adjustment" and told[0] not in told[1:]
    assert sentences.queue_text(queue) == "1 being adjusted"
    idle = queue_of(tasks[1:], 1, NOW)
    assert sentences.queue_text(idle).startswith("Nothing is running or waiting")


def test_names_are_shown_without_tricks() -> None:
    assert shown_name("a\u202egnp.exe\u200b.mp4") == "agnp.exe.mp4"
    assert len(shown_name("x" * 300 + ".mp4")) == 60
    assert plain("<img src=x>*b*") == r"\<img src=x\>\*b\*"


def test_a_download_has_the_dances_name_and_no_path() -> None:
    odd = task(1, dance_name="../../etc/pa:ss\0wd.mov")
    name = download_name(odd, "modular", ".mp4")
    assert name == "_.._etc_pa_sswd_retrack_other.mp4"
    unnamed = task(1, dance_name="...", v2_output="outputs/results/v2.mp4")
    assert download_name(unnamed, "v2", ".mp4") == f"{task(1).id[:8]}_retrack.mp4"
