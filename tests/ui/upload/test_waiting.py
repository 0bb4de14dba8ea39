"""A film without sound waits for a person; other failures say only what can help."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline import reasons
from pipeline.tasks.record import TaskRecord
from tests.tasks import task_of
from tests.ui.listed import listed
from tests.ui.test_page import FAILED, RECORDS, opened, outputs, words
from ui.table import actions
from ui.upload import inspection
from ui.words import sentences as words_of
from ui.words.text import say

__all__ = ["outputs"]


def failed(reason: str, role: str | None = None) -> TaskRecord:
    return task_of(FAILED, "failed", reason=reason, reason_role=role)


@pytest.mark.parametrize("reason", ["no_sound", "silent"])
@pytest.mark.parametrize(
    ("locale", "status", "todo"),
    [("en-US", "Waiting for you", "place the song below"), ("zh-CN", "等待你操作", "手动定位歌曲")],
)
def test_a_mute_film_waits_for_the_person(
    outputs: Path,
    monkeypatch: pytest.MonkeyPatch,
    reason: str,
    locale: str,
    status: str,
    todo: str,
) -> None:
    monkeypatch.setitem(RECORDS, FAILED, {**RECORDS[FAILED], "reason": reason})
    page = opened(outputs, FAILED, locale)
    assert not page.error
    assert any(todo in info.value for info in page.info)
    assert status in words(page)
    assert "detail.retry" not in [button.key for button in page.button]
    [row] = [row for row in listed(opened(outputs, None, locale)) if row["id"] == FAILED]
    assert row["chip"] == {"text": status, "tone": "ask"}


def test_a_song_without_sound_is_a_failure_with_advice_for_a_song(
    outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {**RECORDS[FAILED], "reason": "silent", "reason_role": "reference"}
    monkeypatch.setitem(RECORDS, FAILED, record)
    page = opened(outputs, FAILED)
    assert "Please choose another file of the song." in page.error[0].value
    assert "Waiting for you" not in words(page)


@pytest.mark.parametrize(
    ("reason", "role", "song", "film"),
    [
        ("unsupported", "reference", "MP3", "H.264"),
        ("too_many_streams", "reference", "one sound track", "one picture"),
    ],
)
def test_a_song_needs_other_advice_than_a_film(
    monkeypatch: pytest.MonkeyPatch, reason: str, role: str, song: str, film: str
) -> None:
    monkeypatch.setattr(words_of, "t", lambda key, **fields: say("en", key, **fields))
    assert song in words_of.advice_text(failed(reason, role))
    assert film in words_of.advice_text(failed(reason, "dance"))


def test_retry_is_offered_where_it_may_help() -> None:
    able = {code for code in reasons.MESSAGES if "retry" in actions.possible(failed(code))}
    assert able == {
        *("missing_file", "disk_full", "out_of_memory", "timeout", "cancelled", "interrupted"),
        *("crashed", "render_failed", "verify_failed", "queue_full", "too_many_waiting"),
        "too_many_tasks",
    }


def test_the_files_message_says_what_a_mute_film_waits_for() -> None:
    assert "手动定位歌曲" in reasons.message_of("no_sound", "dance")
    assert "请换一个" in reasons.message_of("no_sound", "reference")


@pytest.mark.parametrize(("rotation", "size"), [(0, "1280×720"), (90, "720×1280"),
                                                (-90, "720×1280"), (180, "1280×720")])  # fmt: skip
def test_a_rotated_film_is_described_as_it_is_seen(
    monkeypatch: pytest.MonkeyPatch, rotation: int, size: str
) -> None:
    monkeypatch.setattr(inspection, "t", lambda key, **fields: say("en", key, **fields))
    video: dict[str, Any] = {"width": 1280, "height": 720, "rotation": rotation}
    described = inspection._describe({"video": video, "sounds": [{}]}, 1, "dance")
    assert size in described["text"]
