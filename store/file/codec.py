"""Bytes of the file to records and back, losing nothing that a person or a program wrote.

The fast way is orjson both ways. It is taken only when the bytes are exactly what this
module writes; anything else was edited by hand and is read with care: duplicate keys, NaN,
numbers beyond 64 bits, a byte-order mark, invalid UTF-8, lone surrogates.
"""

from __future__ import annotations

import codecs
import json
import math
import operator
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from typing import Any, Self

import orjson

from store.file.disk import MAX_FILE_BYTES, paged_memory
from store.model import is_task, is_task_id

_PLAIN = orjson.OPT_PASSTHROUGH_SUBCLASS  # or orjson would write a ``_Number`` by its value
_INDENT = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | _PLAIN
_SMALL_INTEGER_DIGITS = 18  # always fit 64 bits
_MAX_INTEGER_DIGITS = 4000  # Python makes an integer of so many
_DECIMAL_DIGITS = 15  # a double always keeps so many
_START = re.compile(r'"((?:[^"\\\n]|\\.){1,200})"\s*:\s*(?=\{)')
_BEGIN, _END = b"{\n", b"\n}\n"
"""What stands before the first and behind the last record."""
_BLOCK_RECORDS = 256
"""As many are encoded anew, in 0.2 ms, where one changed."""
_COST_OF_DEEP_NESTING = 50_000  # in characters


_KINDS = {list: "a list", str: "a text", bool: "a truth value", type(None): "null"}


class _Number:
    """A number of the file that Python would write otherwise; it goes back as its text."""

    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)  # type: ignore[call-arg]
        number.text = text
        return number

    def __repr__(self) -> str:
        return self.text


class _Integer(_Number, int):
    """Beyond 64 bits."""


class _Real(_Number, float):
    """With more digits, or a greater exponent, than a float has."""


@dataclass(frozen=True)
class Decoded:
    """What the bytes of the file hold."""

    records: dict[str, Any]
    """Id → record; values that are no tasks are carried along unchanged."""
    damage: tuple[str, ...] = ()
    """What was wrong, in words; not empty means that the bytes must be kept aside."""
    salvaged: bool = False
    """Whether the bytes were no JSON object, and the records are those found whole in them."""


def _to_text(value: Any) -> Any:
    if isinstance(value, _Number):
        return orjson.Fragment(value.text)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (dict, list)):  # of a class of its own
        return {**value} if isinstance(value, dict) else [*value]
    raise TypeError(f"{type(value).__name__} is not JSON")


def encode(records: dict[str, Any]) -> bytes:
    """The file's bytes: indented UTF-8 JSON with a final newline.

    Raises TypeError or RecursionError for what is no JSON (never for what :func:`decode` gave).
    """
    try:
        return orjson.dumps(records, default=_to_text, option=_INDENT)
    except orjson.JSONEncodeError:
        # orjson stops at 254 levels; the standard library goes further, and knows no number that
        # goes back as its text: so it gets only the records for which it is needed.
        if len(records) > 1:
            members = [_members({key: value}) for key, value in records.items()]
            return b"".join((_BEGIN, b",\n".join(members), _END))
        return (json.dumps(records, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _members(records: dict[str, Any]) -> bytes:
    return encode(records)[len(_BEGIN) : -len(_END)]


class BlockEncoder:
    """Encodes records that change little from one time to the next: only the blocks anew in which
    one is another object, since a record is never changed in place.
    """

    def __init__(self) -> None:
        self._blocks: list[tuple[list[str], list[Any], bytes]] = []
        """Ids, their records, and these as they stand in the file, with what stands before."""
        self._memory = paged_memory(0)
        """What the last call gave out: only what is new or elsewhere is copied into it."""

    def encode(self, records: dict[str, Any]) -> bytes | memoryview:
        """What :func:`encode` makes of ``records``, in paged memory when they are many.

        That is valid until the next call.
        """
        if len(records) <= _BLOCK_RECORDS:
            return encode(records)
        ids, values, blocks = list(records), list(records.values()), []
        for number, start in enumerate(range(0, len(ids), _BLOCK_RECORDS)):
            part = slice(start, start + _BLOCK_RECORDS)
            block = (*self._blocks[number : number + 1], ([], [], b""))[0]
            if block[0] != ids[part] or not all(map(operator.is_, block[1], values[part])):
                members = _members(dict(zip(ids[part], values[part], strict=True)))
                block = ids[part], values[part], (b",\n" if number else _BEGIN) + members
            blocks.append(block)
        return self._put_together(blocks)

    def _put_together(self, blocks: list[tuple[list[str], list[Any], bytes]]) -> memoryview:
        size = sum(len(members) for _, _, members in blocks) + len(_END)
        if size > len(self._memory):
            self._memory, self._blocks = paged_memory(size + size // 4), []
        end, moved = 0, False
        for block, old in zip_longest(blocks, self._blocks[: len(blocks)]):
            start, end = end, end + len(block[2])
            if moved or block is not old:
                self._memory[start:end] = block[2]
            moved = moved or old is None or len(block[2]) != len(old[2])
        self._memory[end:size] = _END
        self._blocks = blocks
        return self._memory[:size]


def encode_line(entry: dict[str, Any]) -> bytes:
    """One object on a line of its own; raises as :func:`encode` does."""
    try:
        return orjson.dumps(entry, default=_to_text, option=_PLAIN | orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        return (json.dumps(entry, ensure_ascii=False, allow_nan=False) + "\n").encode()


def detach(value: Any) -> Any:
    """A copy of a caller's value as it will be read back (tuples as lists, times as text).

    Raises TypeError for what is no JSON, ValueError for NaN, infinity and what is too large.
    """
    numbers: list[Any] = []

    def as_text(inner: Any) -> Any:
        numbers.append(inner)
        return _to_text(inner)

    raw = orjson.dumps(value, default=as_text, option=orjson.OPT_NON_STR_KEYS | _PLAIN)
    if len(raw) > MAX_FILE_BYTES:
        raise ValueError(f"{len(raw) >> 20} MB are more than can be read again")
    if b"null" in raw and not _is_finite(value):  # as orjson writes them
        raise ValueError("NaN and infinity are no JSON")
    return _careful_decoder([]).decode(raw.decode()) if numbers else orjson.loads(raw)


def _is_finite(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or isinstance(value, _Number) or math.isfinite(value)


def decode(raw: bytes) -> Decoded:
    """The records in the file's bytes, however damaged; never raises."""
    try:
        document = orjson.loads(raw)
        if isinstance(document, dict) and encode(document) == raw:
            return Decoded(document)
    except (ValueError, TypeError, RecursionError):
        pass  # the careful reading below says what is wrong
    return _decode_with_care(raw)


def _decode_with_care(raw: bytes) -> Decoded:
    notes: list[str] = []
    text = _read_text(raw, notes)
    decoder = _careful_decoder(notes)
    salvaged = False
    try:
        document: Any = decoder.decode(text)
        if not isinstance(document, dict):
            kind = _KINDS.get(type(document), "a number")
            notes.append(f"it holds {kind} where an object of tasks should be")
    except RecursionError:
        notes.append("it is nested too deeply")
        document = None
    except ValueError as error:
        notes.append(_syntax(text, error))
        document = None
    if not isinstance(document, dict):
        document, salvaged = _salvage(text, decoder), True
    return Decoded(_encodable(document, notes), tuple(dict.fromkeys(notes)), salvaged)


def _salvage(text: str, decoder: json.JSONDecoder) -> dict[str, Any]:
    """Every record that stands whole in ``text``, by id, a later one before an earlier one.

    A record is an object under a uuid4, or under any other key when it has a status and a
    ``created_at`` (so that a nested object of a torn record is not taken for one). The time
    spent on failed tries is bounded by a few times the length of the text.
    """
    found: dict[str, Any] = {}
    budget = 3 * len(text) + 10 * _COST_OF_DEEP_NESTING
    position = 0
    while budget > 0 and (match := _START.search(text, position)):
        position = match.end()
        try:
            key = json.loads(f'"{match[1]}"')
            value, end = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            budget -= max(1, error.pos - position)
            continue
        except (RecursionError, ValueError):
            budget -= _COST_OF_DEEP_NESTING
            continue
        if is_task_id(key) or (is_task(value) and "created_at" in value):
            found.pop(key, None)
            found[key] = value
            position = end
        else:
            budget -= end - position
    return found


def _syntax(text: str, error: ValueError) -> str:
    if not text.strip():
        return "it is empty"
    if not text.strip("\0 \r\n\t"):
        return "it is full of zero bytes"
    if isinstance(error, json.JSONDecodeError):
        return f"it is not JSON: {error.msg.lower()} in line {error.lineno}, column {error.colno}"
    return f"it is not JSON: {error}"


def _read_text(raw: bytes, notes: list[str]) -> str:
    utf_16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = "utf-16" if utf_16 else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        notes.append(f"byte {error.start} is not {encoding.upper().removesuffix('-SIG')}")
        return raw.decode(encoding, errors="replace")


def _careful_decoder(notes: list[str]) -> json.JSONDecoder:
    def integer(text: str) -> Any:
        if len(text) <= _SMALL_INTEGER_DIGITS or -(2**63) <= float(text) < 2**63:
            return int(text)
        return _Integer(text) if len(text) <= _MAX_INTEGER_DIGITS else _Real(text)

    def real(text: str) -> Any:
        value = float(text)
        exact = len(text) <= _DECIMAL_DIGITS or Decimal(text) == Decimal(repr(value))
        return value if exact and math.isfinite(value) else _Real(text)

    def constant(name: str) -> None:
        notes.append(f"{name} is not a JSON value (read as null)")

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) != len(items):
            twice = Counter(key for key, _ in items).most_common(1)[0][0]
            notes.append(f"the key {twice!r} stands twice in one object (the last one is taken)")
        return result

    return json.JSONDecoder(
        parse_int=integer, parse_float=real, parse_constant=constant, object_pairs_hook=pairs
    )


def _encodable(records: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """``records`` without what cannot be written again, with a note of each."""
    result: dict[str, Any] = {}
    for key, value in records.items():
        try:
            encode({key: value})
            result[key] = value
        except UnicodeEncodeError:
            notes.append("a text holds half of a character (lone surrogate; read as U+FFFD)")
            result[_clean(key)] = _clean(value)
        except (TypeError, ValueError, RecursionError):
            notes.append(f"the record {key[:40]!r} is nested too deeply")
    return result


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_clean(k): _clean(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_clean(v) for v in value]
    return value
