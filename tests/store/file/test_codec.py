"""The file in blocks, of which only the changed ones are encoded anew."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from store.file import codec
from store.file.codec import BlockEncoder, encode

Records = dict[str, Any]
SAME = {"status": "success", "number": 1, "nested": {"one": 1}}
IDS = [str(uuid.UUID(int=number, version=4)) for number in range(1000)]
FIRST, MIDDLE, LAST = IDS[0], IDS[500], IDS[-1]

CHANGES: dict[str, Callable[[Records], Records]] = {
    "nothing": lambda records: records,
    "a key": lambda records: records | {MIDDLE: SAME | {"note": "新"}},
    "a number that equals the one before": lambda records: (
        records | {MIDDLE: SAME | {"number": 1.0}}
    ),
    "the order of the keys": lambda records: records | {MIDDLE: dict(reversed(SAME.items()))},
    "one more": lambda records: records | {"more": SAME},
    "the first one less": lambda records: {k: v for k, v in records.items() if k != FIRST},
    "the last one less": lambda records: {k: v for k, v in records.items() if k != LAST},
    "another id for the same record": lambda records: {
        ("other" if key == MIDDLE else key): record for key, record in records.items()
    },
    "fewer than a block": lambda records: {FIRST: SAME},
    "all": lambda records: {},
    "a record that orjson cannot write": lambda records: records | {MIDDLE: nested(400)},
}


def nested(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels):
        value = {"inner": value}
    return value


@pytest.mark.parametrize("changed", CHANGES)
def test_the_blocks_are_the_file(changed: str) -> None:
    encoder, records = BlockEncoder(), dict.fromkeys(IDS, SAME)
    for content in (records, CHANGES[changed](records), records, {}, records):
        assert bytes(encoder.encode(content)) == encode(content)


def test_only_the_block_of_what_changed_is_encoded_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, records = BlockEncoder(), dict.fromkeys(IDS, SAME)
    encoder.encode(records)
    encoded: list[str] = []

    def noted(part: dict[str, Any]) -> bytes:
        encoded.extend(part)
        return encode(part)

    monkeypatch.setattr(codec, "encode", noted)
    encoder.encode(records | {FIRST: SAME | {"note": 1}})
    assert FIRST in encoded
    assert len(encoded) < len(IDS) / 2
