"""Bytes of the file to records and back, losing nothing that a person or a program wrote.

The fast way is orjson both ways. It is taken only when the bytes are exactly what this
module writes; anything else was edited by hand and is read with care: duplicate keys, NaN,
numbers beyond 64 bits, a byte-order mark, invalid UTF-8, lone surrogates.
"""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson

from store.file.salvage import salvage

_INDENT = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
_SMALL_INTEGER = 18  # digits that always fit 64 bits
_DECIMAL_DIGITS = 15  # significant digits that a double always keeps


class Verbatim:
    """A number that Python's types would change, kept as its text."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Verbatim) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Verbatim({self.text})"


@dataclass(frozen=True)
class Decoded:
    """What the bytes of the file hold."""

    records: dict[str, Any]
    """Id → record; values that are no tasks are carried along unchanged."""
    damage: tuple[str, ...] = ()
    """What was wrong, in words; not empty means that the bytes must be kept aside."""
    salvaged: bool = False
    """Whether the bytes were no JSON object, and the records are those found whole in them."""


@dataclass
class _Notes:
    damage: dict[str, None] = field(default_factory=dict)  # a set that keeps its order

    def add(self, text: str) -> None:
        self.damage[text] = None


def encode_number(value: Any) -> orjson.Fragment:
    """For orjson's ``default``: a number kept as its text."""
    if isinstance(value, Verbatim):
        return orjson.Fragment(value.text)
    raise TypeError(f"{type(value).__name__} is not JSON")


def encode(records: dict[str, Any]) -> bytes:
    """The file's bytes: indented UTF-8 JSON with a final newline.

    Raises TypeError or RecursionError for what is no JSON (never for what :func:`decode` gave).
    """
    try:
        return orjson.dumps(records, default=encode_number, option=_INDENT)
    except orjson.JSONEncodeError:
        # orjson stops at 254 levels and 64 bits; the standard library goes further, and knows no
        # number kept as its text: so it gets only the records for which it is needed.
        if isinstance(records, dict) and len(records) > 1:
            return join_members(encode_members(records))
        return (json.dumps(records, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def encode_line(entry: dict[str, Any]) -> bytes:
    """One object on a line of its own; raises as :func:`encode` does."""
    try:
        return orjson.dumps(entry, default=encode_number, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        return (json.dumps(entry, ensure_ascii=False, allow_nan=False) + "\n").encode()


def member(task_id: str, record: Any) -> bytes:
    """One record with its id, as it stands in the file, without the comma behind it."""
    return encode({task_id: record})[2:-3]


def encode_members(records: dict[str, Any]) -> dict[str, bytes]:
    """The :func:`member` of each record."""
    return {task_id: member(task_id, record) for task_id, record in records.items()}


def join_members(members: dict[str, bytes]) -> bytes:
    """The file's bytes made of its members, in their order."""
    return b"".join((b"{\n", b",\n".join(members.values()), b"\n}\n")) if members else b"{}\n"


def detach(value: Any) -> Any:
    """A copy of a caller's value as it will be read back (tuples as lists, times as text).

    Raises TypeError for what is no JSON.
    """
    return orjson.loads(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))


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
    notes = _Notes()
    text = _to_text(raw, notes)
    decoder = _careful_decoder(notes)
    salvaged = False
    try:
        document: Any = decoder.decode(text)
    except RecursionError:
        notes.add("it is nested too deeply")
        document = None
    except ValueError as error:
        notes.add(_syntax(text, error))
        document = None
    if document is not None and not isinstance(document, dict):
        notes.add(f"it holds {_kind(document)} where an object of tasks should be")
    if not isinstance(document, dict):
        if text.strip("\0 \r\n\t") == "null":
            notes.add("it holds null where an object of tasks should be")
        document, salvaged = salvage(text, decoder), True
    return Decoded(_encodable(document, notes), tuple(notes.damage), salvaged)


def _kind(value: object) -> str:
    return {list: "a list", str: "a text", bool: "a truth value"}.get(type(value), "a number")


def _syntax(text: str, error: ValueError) -> str:
    if not text.strip():
        return "it is empty"
    if not text.strip("\0 \r\n\t"):
        return "it is full of zero bytes"
    if isinstance(error, json.JSONDecodeError):
        return f"it is not JSON: {error.msg.lower()} in line {error.lineno}, column {error.colno}"
    return f"it is not JSON: {error}"


def _to_text(raw: bytes, notes: _Notes) -> str:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding, name = "utf-16", "UTF-16"
    else:
        encoding, name = "utf-8-sig", "UTF-8"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        notes.add(f"byte {error.start} is not {name}")
        return raw.decode(encoding, errors="replace")


def _careful_decoder(notes: _Notes) -> json.JSONDecoder:
    def integer(text: str) -> Any:
        if len(text) <= _SMALL_INTEGER:
            return int(text)
        if len(text) <= _SMALL_INTEGER + 2 and -(2**63) <= int(text) < 2**64:
            return int(text)
        return Verbatim(text)

    def real(text: str) -> Any:
        value = float(text)
        if value in (float("inf"), float("-inf")):
            return Verbatim(text)
        if len(text) > _DECIMAL_DIGITS and Decimal(text) != Decimal(repr(value)):
            return Verbatim(text)
        return value

    def constant(name: str) -> None:
        notes.add(f"{name} is not a JSON value (read as null)")

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) != len(items):
            seen: set[str] = set()
            twice = next(key for key, _ in items if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            notes.add(f"the key {twice!r} stands twice in one object (the last one is taken)")
        return result

    return json.JSONDecoder(
        parse_int=integer, parse_float=real, parse_constant=constant, object_pairs_hook=pairs
    )


def _encodable(records: dict[str, Any], notes: _Notes) -> dict[str, Any]:
    """``records`` without what cannot be written again, with a note of each."""
    try:
        encode(records)
        return records
    except (TypeError, ValueError, RecursionError):
        pass  # found record by record below
    result: dict[str, Any] = {}
    for key, value in records.items():
        try:
            encode({key: value})
            result[key] = value
        except UnicodeEncodeError:
            notes.add("a text holds half of a character (lone surrogate; read as U+FFFD)")
            result[_clean(key)] = _clean(value)
        except (TypeError, ValueError, RecursionError):
            notes.add(f"the record {key[:40]!r} is nested too deeply")
    return result


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_clean(k): _clean(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_clean(v) for v in value]
    return value
