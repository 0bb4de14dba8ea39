"""Handing in: where the bytes of a task's uploads stand, and what they take on the disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline import reasons
from pipeline.reasons import JobError
from pipeline.settings import Settings
from pipeline.tasks.form import FORM
from pipeline.tasks.submit import retry, submit
from store import BadPatch, Store, Task

REFERENCE = b"the song itself" * 5000


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    store = Store(settings, FORM)
    store.start()
    yield store
    store.close()


def hand_in_class(store: Store, settings: Settings, folder: Path, count: int) -> list[Task]:
    """As the page does: one reference for all, which goes with the last dance."""
    folder.mkdir(parents=True)
    reference = folder / "reference"
    reference.write_bytes(REFERENCE)
    tasks = []
    for number in range(count):
        dance = folder / f"dance {number}"
        dance.write_bytes(b"film %d" % number)
        tasks.append(
            submit(
                store,
                settings,
                dance,
                reference,
                dance_name=f"{number}.mp4",
                reference_name="song.flac",
                move=True,
                keep_reference=number < count - 1,
            )
        )
    assert list(folder.iterdir()) == [], "all was taken"
    return tasks


def references(store: Store, tasks: list[Task]) -> list[Path]:
    found = [store.safe_path(task.extra.get("reference_file")) for task in tasks]
    assert all(path is not None and path.read_bytes() == REFERENCE for path in found)
    return [path for path in found if path is not None]


def test_a_class_stores_its_reference_once(store: Store, settings: Settings) -> None:
    tasks = hand_in_class(store, settings, settings.outputs / "incoming" / "me", 4)
    paths = references(store, tasks)
    assert len({path.stat().st_ino for path in paths}) == 1
    # Each task takes only its own name away; the bytes go with the last one.
    for number, task in enumerate(tasks):
        store.cancel(task.id)
        store.delete(task.id)
        left = references(store, tasks[number + 1 :])
        assert not paths[number].exists()
        assert all(path.stat().st_nlink == len(left) for path in left)


def refuse(source: Any, target: Any) -> None:
    raise OSError(errno.EPERM, "no hard links on this file system")


def test_without_hard_links_the_reference_is_copied(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", refuse)
    tasks = hand_in_class(store, settings, settings.outputs / "incoming" / "me", 3)
    assert len({path.stat().st_ino for path in references(store, tasks)}) == 3


def test_a_copy_that_finds_no_space_leaves_everything_where_it_was(
    store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr("pipeline.tasks.submit.SPARE_BYTES", 1 << 60)
    dance, reference = tmp_path / "dance", tmp_path / "reference"
    dance.write_bytes(b"film")
    reference.write_bytes(REFERENCE)
    with pytest.raises(JobError) as caught:
        submit(
            store,
            settings,
            dance,
            reference,
            dance_name="a.mp4",
            reference_name="b.mp3",
            move=True,
            keep_reference=True,
        )
    assert caught.value.reason == reasons.DISK_FULL
    assert dance.read_bytes() == b"film"
    assert reference.read_bytes() == REFERENCE
    assert list((settings.outputs / "uploads").iterdir()) == []


def test_a_strangers_file_is_copied_not_shared(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    dance, reference = tmp_path / "dance", tmp_path / "reference"
    dance.write_bytes(b"film")
    reference.write_bytes(REFERENCE)
    task = submit(store, settings, dance, reference, dance_name="a.mp4", reference_name="b.mp3")
    [path] = references(store, [task])
    reference.write_bytes(b"written over by its owner")
    assert path.read_bytes() == REFERENCE


def test_what_was_moved_comes_back_when_the_task_is_refused(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    dance, reference = tmp_path / "dance", tmp_path / "reference"
    dance.write_bytes(b"film")
    reference.write_bytes(REFERENCE)
    with pytest.raises(BadPatch):
        submit(
            store, settings, dance, reference, dance_name="half \ud800", reference_name="s.m4a",
            move=True,
        )  # fmt: skip
    assert dance.is_file() and reference.is_file(), "hours of uploading were lost"
    assert (dance.read_bytes(), reference.read_bytes()) == (b"film", REFERENCE)
    assert not list((settings.outputs / "uploads").iterdir())


def test_the_tasks_of_visitors_take_turns(
    store: Store, settings: Settings, sample_pair: tuple[Path, Path]
) -> None:
    def hand_in(visitor: str) -> str:
        return submit(
            store, settings, *sample_pair, dance_name="d", reference_name="s", visitor=visitor
        ).id

    many = [hand_in("a" * 32) for _ in range(3)]
    other = hand_in("b" * 32)
    order = []
    while (task := store.claim()) is not None:
        order.append(task.id)
        store.finish(task.id, {}, task.claim)
    assert order == [many[0], other, many[1], many[2]]


def _hand_in(store: Store, settings: Settings, sound: Path, visitor: str) -> Task:
    files = (sound, sound)
    return submit(store, settings, *files, dance_name="d", reference_name="r", visitor=visitor)


def test_only_so_many_tasks_wait(store: Store, settings: Settings, tmp_path: Path) -> None:
    settings = settings.model_copy(update={"waiting_per_visitor": 2, "waiting_in_all": 3})
    sound = tmp_path / "sound.wav"
    sound.write_bytes(REFERENCE)
    hand_in = partial(_hand_in, store, settings, sound)

    hand_in("a")
    first = hand_in("a")
    with pytest.raises(JobError) as own:
        hand_in("a")
    assert own.value.reason == reasons.TOO_MANY_WAITING
    hand_in("b")
    with pytest.raises(JobError) as every:
        hand_in("b")
    assert every.value.reason == reasons.QUEUE_FULL
    assert sound.read_bytes() == REFERENCE
    store.cancel(first.id)
    hand_in("b")
    with pytest.raises(JobError) as again:
        retry(store, settings, first.id, "a")
    assert again.value.reason == reasons.QUEUE_FULL
    store.claim()
    retry(store, settings, first.id, "a")


def test_only_so_many_tasks_stand_in_the_file(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    settings = settings.model_copy(update={"tasks_per_visitor": 2, "tasks_in_all": 3})
    sound = tmp_path / "sound.wav"
    sound.write_bytes(REFERENCE)
    hand_in = partial(_hand_in, store, settings, sound)

    first, _ = hand_in("a"), hand_in("a")
    store.cancel(first.id)
    with pytest.raises(JobError) as own:
        hand_in("a")
    assert own.value.reason == reasons.TOO_MANY_TASKS
    hand_in("b")
    with pytest.raises(JobError) as every:
        hand_in("b")
    assert every.value.reason == reasons.QUEUE_FULL
    store.delete(first.id)
    hand_in("b")
