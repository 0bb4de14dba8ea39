"""Every damaged file: the service starts, keeps it aside, salvages what is whole."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from store import NotSaved, Store
from store.file.codec import decode, encode
from tests.store.conftest import KEEP_HOURS, Make, claimed, new_id, on_disk

A, B, C = (new_id() for _ in range(3))


def record(**more: Any) -> dict[str, Any]:
    return {
        "status": "success",
        "message": "处理成功",
        "created_at": "2099-01-01T00:00:00",
        "completed_at": "2099-01-01T00:00:00",
        "alignment": {"segments": [{"offset": 1.5}], "variants": {"v2": {"status": "x"}}},
    } | more


GOOD = {A: record(n=1), B: record(n=2), C: record(n=3)}
WHOLE = encode(GOOD)


def lay(store: Store, raw: bytes, *, bak: bytes | None = None) -> None:
    store.path.parent.mkdir(parents=True, exist_ok=True)
    store.path.write_bytes(raw)
    os.utime(store.path, (1, 1))  # no editor is saving it just now
    if bak is not None:
        store.path.with_name("task_status.json.bak").write_bytes(bak)


def aside(store: Store) -> list[Path]:
    return sorted(store.path.parent.glob("task_status.json.corrupt-*"))


def nested(depth: int) -> bytes:
    return b'{"x":' * depth + b"1" + b"}" * depth


NOTHING_WHOLE = {
    "empty": b"",
    "spaces": b" \n",
    "zero bytes": b"\0" * 4096,
    "garbage": os.urandom(5000),
    "a list": b"[1, 2]",
    "null": b"null",
    "a number": b"17",
    "a text": b'"hello"',
    "deep lists": b"[" * 100_000,
    "deep objects": nested(100_000),
    "only a brace": b"{",
    "html": b"<html><body>502</body></html>",
}


@pytest.mark.parametrize("raw", NOTHING_WHOLE.values(), ids=NOTHING_WHOLE)
def test_nothing_whole(store: Store, raw: bytes) -> None:
    lay(store, raw, bak=WHOLE)
    store.start()
    (kept,) = aside(store)
    assert kept.read_bytes() == raw
    assert on_disk(store) == GOOD  # from the last good copy
    assert kept.name in store.snapshot().problems["damaged"]
    assert claimed_after_create(store)


def claimed_after_create(store: Store) -> bool:
    task_id = store.create().id
    return claimed(store).id == task_id


def test_nothing_whole_and_no_copy(store: Store) -> None:
    lay(store, b"{")
    store.start()
    assert store.snapshot().tasks == ()
    assert aside(store)[0].read_bytes() == b"{"
    assert claimed_after_create(store)


def cuts(step: int) -> range:
    return range(1, len(WHOLE) - 2, step)  # without the final newline it is whole


def cut_everywhere(make: Make, outputs: Path, step: int) -> None:
    for cut in cuts(step):
        shutil.rmtree(outputs, ignore_errors=True)
        store = make()
        lay(store, WHOLE[:cut])
        store.load_task_status()
        found = on_disk(store)
        expected = {
            key for key in GOOD if WHOLE.find(encode_tail(key)) + len(encode_tail(key)) <= cut
        }
        assert set(found) == expected, cut
        assert all(found[key] == GOOD[key] for key in found)
        assert aside(store)[0].read_bytes() == WHOLE[:cut]


def encode_tail(key: str) -> bytes:
    """The bytes of one record in WHOLE, from its id to its closing brace."""
    return encode({key: GOOD[key]})[4:-3]


def test_cut(make: Make, outputs: Path) -> None:
    cut_everywhere(make, outputs, 37)


@pytest.mark.faults
def test_cut_at_every_byte(make: Make, outputs: Path) -> None:
    cut_everywhere(make, outputs, 1)


def test_a_syntax_error_costs_one_record_at_most(store: Store) -> None:
    lay(store, WHOLE.replace(b'"n": 2', b'"n": 2,,'))
    store.load_task_status()
    assert on_disk(store) == {A: GOOD[A], C: GOOD[C]}


def test_the_copy_fills_in_only_what_has_not_left(make: Make) -> None:
    first = make()
    lay(first, WHOLE)
    first.load_task_status()
    first.back_up(anyway=True)
    first.delete(B)
    raw = first.path.read_bytes()
    lay(first, raw[: raw.index(C.encode())])
    store = make()
    store.load_task_status()
    assert set(on_disk(store)) == {A, C}  # B was deleted and does not come back


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"\xef\xbb\xbf" + WHOLE, GOOD),
        (WHOLE.decode().encode("utf-16"), GOOD),
        (json.dumps(GOOD).encode(), GOOD),
        (b"{}", {}),
    ],
    ids=["byte-order mark", "UTF-16", "one line of ASCII", "no tasks"],
)
def test_odd_but_sound(store: Store, raw: bytes, expected: dict[str, Any]) -> None:
    lay(store, raw)
    store.load_task_status()
    store.create()
    assert {k: v for k, v in on_disk(store).items() if k in GOOD} == expected
    assert not aside(store)


@pytest.mark.parametrize(
    ("old", "new", "key", "value"),
    [
        (b'"n": 2', b'"n": NaN', "n", None),
        (b'"n": 2', b'"n": 2, "n": 5', "n", 5),
        (b'"n": 2', b'"n": "\xff"', "n", "\ufffd"),
        (b'"n": 2', rb'"n": "\ud800"', "n", "\ufffd"),
    ],
    ids=["NaN", "duplicate key", "invalid UTF-8", "lone surrogate"],
)
def test_damage_inside_a_record(store: Store, old: bytes, new: bytes, key: str, value: Any) -> None:
    lay(store, WHOLE.replace(old, new))
    store.load_task_status()
    assert on_disk(store) == GOOD | {B: GOOD[B] | {key: value}}
    assert new in aside(store)[0].read_bytes()


def test_what_other_programs_write_is_carried_along(store: Store) -> None:
    deep = json.loads(nested(600))
    text = json.dumps({A: GOOD[A] | {"deep": deep}, "other": [1, None], "n": 5})
    huge = "123456789012345678901234567890", "1e999", "0.12345678901234567890123", "1" * 5000
    extra = ", ".join(f'"x{i}": {number}' for i, number in enumerate(huge))
    lay(store, text.encode())
    store.create()
    found = on_disk(store)
    assert found[A]["deep"] == deep
    assert (found["other"], found["n"]) == ([1, None], 5)
    lay(store, f'{{"{B}": {{"status": "pending", {extra}}}}}'.encode())
    store.create()
    store.update(B, {"note": 1})
    raw = store.path.read_text()
    assert all(number in raw for number in huge)
    assert not aside(store)


def test_wrong_types_and_unknown_statuses(store: Store) -> None:
    odd: dict[str, Any] = {
        A: {"status": "done"},
        B: {"status": "success", "created_at": 5, "progress": "x", "attempts": [], "warnings": {}},
        C: {"status": "failed", "completed_at": "0000-99-99", "created_at": "9999-12-31T23:59-14"},
        new_id(): {"status": ["pending"]},
        new_id(): None,
        new_id(): {"status": "processing", "attempts": -5, "adjust": 7, "not_before": {}},
        "by hand": {"status": "pending"},
        "": {"status": "success", "adjust": {"status": "processing"}},
    }
    lay(store, json.dumps(odd).encode())
    store.start()
    assert not aside(store)
    found = on_disk(store)
    assert {k: found[k] for k in odd if k != list(odd)[5]} == {
        k: v for k, v in odd.items() if k != list(odd)[5]
    } | {"": found[""]}
    assert {t.id for t in store.snapshot().tasks} >= {B, C, "by hand"}
    assert "by hand" in store.snapshot().problems["unknown_records"]
    assert store.claim() is not None
    assert store.claim() is None  # an id that is no uuid4 is never started


def test_fifty_megabytes(store: Store) -> None:
    lay(store, b'{"a": {"b": ' * 4_200_000, bak=WHOLE)
    store.load_task_status()
    assert on_disk(store) == GOOD
    records = {new_id(): record(blob="x" * 5000) for _ in range(10_000)}
    lay(store, encode(records))
    assert len(store.snapshot().tasks) == 10_000


def test_a_folder_a_link_and_a_pipe_in_its_place(make: Make, outputs: Path) -> None:
    outputs.mkdir(parents=True)
    elsewhere = outputs.parent / "elsewhere.json"
    elsewhere.write_bytes(WHOLE)
    for kind in ("folder", "link", "dead link", "pipe"):
        store = make()
        store.path.unlink(missing_ok=True)
        store.path.with_name("task_status.json.bak").write_bytes(WHOLE)
        if kind == "folder":
            (store.path / "inside").mkdir(parents=True)
        elif kind == "pipe":
            os.mkfifo(store.path)
        else:
            store.path.symlink_to(elsewhere if kind == "link" else "nowhere")
        store.start()
        assert on_disk(store) == GOOD, kind
        assert not store.path.is_symlink()
        store.update(A, {"n": 9})
        assert elsewhere.read_bytes() == WHOLE
    assert len(aside(store)) == 4


@pytest.mark.parametrize("looked", [False, True])
def test_a_missing_file_keeps_its_last_copy(store: Store, looked: bool) -> None:
    lay(store, WHOLE)
    store.load_task_status()
    store.back_up(anyway=True)
    store.path.unlink()  # as a person does to begin anew
    if looked:
        assert store.snapshot().tasks == ()
    store.create()
    store.back_up(anyway=True)
    assert len(on_disk(store)) == 1
    (kept,) = store.path.parent.glob("task_status.json.missing-*")
    assert json.loads(kept.read_bytes()) == GOOD
    assert "restore" in store.snapshot().problems["missing"]


def test_readers_of_a_damaged_file_see_the_last_good_content(store: Store) -> None:
    lay(store, WHOLE)
    assert len(store.snapshot().tasks) == 3
    lay(store, WHOLE[:200])
    snapshot = store.snapshot()
    assert len(snapshot.tasks) == 3
    assert "damaged" in snapshot.problems
    assert not aside(store)
    store.update(C, {"note": 1})
    assert len(on_disk(store)) == 3
    assert aside(store)[0].read_bytes() == WHOLE[:200]


def test_a_write_that_keeps_failing_makes_one_copy_aside(store: Store) -> None:
    lay(store, WHOLE)
    task_id = store.snapshot().tasks[0].id
    lay(store, WHOLE[:200])
    full = mock.patch("store.commit.group_commit.put", side_effect=OSError(28, "No space left"))
    for _ in range(3):
        with full, pytest.raises(NotSaved):
            store.update(task_id, {"note": 1})
    store.update(task_id, {"note": 1})
    assert len(aside(store)) == 1
    assert len(on_disk(store)) == 3


def test_decoding_what_was_encoded() -> None:
    assert decode(WHOLE).records == GOOD
    assert decode(WHOLE).damage == ()
    assert encode(decode(WHOLE).records) == WHOLE


@pytest.mark.parametrize("depth", [260, 600])
def test_a_deep_value_keeps_nobody_from_anything(make: Make, outputs: Path, depth: int) -> None:
    """orjson stops at 254 levels, and ``copy.deepcopy`` at about 330."""
    day_before = datetime.now(UTC) - timedelta(hours=KEEP_HOURS + 1)
    old = GOOD[A] | {"status": "success", "completed_at": day_before.isoformat()}
    deep = json.loads(nested(depth))
    number = "123456789012345678901234567890"  # beyond 64 bits: kept as its text
    text = json.dumps({A: old | {"deep": deep}, B: GOOD[A] | {"deep": deep}, C: {"n": "N"}})
    outputs.mkdir(parents=True)
    (outputs / "task_status.json").write_text(text.replace('"N"', number))
    store = make()
    store.start()  # which moves the old task to the history
    assert [task.id for task in store.snapshot().tasks] == [B]
    assert store.snapshot().tasks[0].extra["deep"] == deep
    new = store.create({"dance_name": "x"})
    store.update(B, lambda record: {"seen": "deep" in record})
    assert {task.id for task in store.snapshot().tasks} == {B, new.id}
    assert number in (outputs / "task_status.json").read_text()
    assert [task.id for task in store.history()] == [A]
