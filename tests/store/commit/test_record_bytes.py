"""Bytes and tasks that are made from the ones before are those that would be made anew."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from store.commit.record_bytes import Encoded
from store.file.codec import Verbatim, decode, encode
from store.model import Record, Task, to_task
from store.records.draft import Draft

NOW = datetime(2026, 1, 1, tzinfo=UTC)
IDS = st.sampled_from("abcdef")
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
    | st.just(Verbatim("123456789012345678901234567890")),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("xy"), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
KEYS = st.sampled_from(
    ["message", "progress", "created_at", "options", "warnings", "own", "adjust"]
)
ONE = {"status": "pending"}
RECORDS = st.dictionaries(KEYS, VALUES, max_size=4).map(lambda more: {"status": "pending", **more})
STEPS = st.one_of(
    st.tuples(st.just("put"), IDS, RECORDS),
    st.tuples(st.just("remove"), IDS, st.none()),
    st.tuples(st.just("replace all"), IDS, RECORDS),
)
GROUPS = st.lists(
    st.tuples(st.sampled_from(["own", "own", "own", "edited"]), st.lists(STEPS, max_size=5)),
    max_size=6,
)


@settings(deadline=None)
@given(GROUPS)
@example(
    [
        ("own", []),
        ("own", [("put", "b", ONE), ("remove", "b", None), ("put", "b", ONE), ("put", "a", ONE)]),
    ]
)
def test_the_bytes_of_each_group_are_those_of_the_whole(groups: list[Any]) -> None:
    encoded = Encoded()
    base: dict[str, Any] = {}
    for origin, steps in groups:
        if origin == "edited":  # another process or a person wrote the file in between
            base = {**base, "z": {"status": "failed"}}
        draft = Draft(dict(base), NOW)
        for what, task_id, record in steps:
            if what == "put":
                draft.put(task_id, record)
            elif what == "remove" and task_id in draft.records:
                draft.remove(task_id, "deleted")
            elif what == "replace all":
                draft.records = {task_id: record}
                draft.recount()
        for _ in range(2):  # a second time when the size cap took something away
            assert encoded.bytes_of(draft, base) == encode(draft.records)
        base = draft.records


def test_a_group_that_could_not_be_encoded_leaves_nothing_behind() -> None:
    encoded = Encoded()
    base: dict[str, Any] = {"a": {"status": "pending"}, "b": {"status": "pending"}}
    for _ in range(3):
        draft = Draft(dict(base), NOW)
        draft.put("a", {"status": "pending", "turn": len(base)})
        encoded.bytes_of(draft, base)
        base = draft.records
    broken = Draft(dict(base), NOW)
    broken.remove("b", "deleted")
    broken.put("a", {"status": "pending", "no": object()})
    with pytest.raises(TypeError):
        encoded.bytes_of(broken, base)
    draft = Draft(dict(base), NOW)
    draft.put("a", {"status": "failed"})
    assert decode(encoded.bytes_of(draft, base)).records == draft.records


def values_of(task: Task) -> list[str]:
    """All fields as text, in which 1, 1.0 and True differ."""
    return [repr(getattr(task, name)) for name in Task.__dataclass_fields__]


@settings(deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=4), st.data())
def test_a_task_made_from_the_one_before_is_the_same(
    records: list[Record], data: st.DataObject
) -> None:
    before: tuple[Record, Task] | None = None
    for new in records:
        record = new
        if before:  # values that did not change are the same objects, as an update leaves them
            kept = data.draw(st.sets(st.sampled_from(sorted(before[0]))))
            record = {**new, **{key: before[0][key] for key in kept}}
        task = to_task("id", record, before)
        assert values_of(task) == values_of(to_task("id", record))
        before = (record, task)
