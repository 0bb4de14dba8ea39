"""A piece of an upload that says what its bytes hash to: tus's extension *checksum*.

What does not fit, or breaks off before that is known, is not kept.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from fastapi import HTTPException
from starlette.types import Message, Receive

HEADER = "upload-checksum"
ALGORITHMS = ("sha1", "sha256")
"""SHA-1 is what tus asks of every server; what is meant is damage on the way, not malice."""
_MISMATCH = 460
"""A status of tus's own."""


def is_known(given: Sequence[str]) -> bool:
    """Whether the values of a request's header, if there are any, are one checksum of ours."""
    try:
        return not given or bool(_parse(*given))
    except (TypeError, ValueError):
        return False


def checked(receive: Receive, given: Sequence[str]) -> Receive:
    """A request's body, at whose end the checksum has to fit.

    Raises HTTPException (460) where it does not.
    """
    if not given:
        return receive
    algorithm, expected = _parse(*given)
    found = hashlib.new(algorithm, usedforsecurity=False)

    async def next_piece() -> Message:
        message = await receive()
        found.update(message.get("body", b""))
        if not message.get("more_body") and found.digest() != expected:
            raise HTTPException(_MISMATCH, "the checksum does not fit")
        return message

    return next_piece


def _parse(given: str) -> tuple[str, bytes]:
    """Algorithm and digest of one value; raises ValueError (TypeError for several values)."""
    algorithm, _, encoded = given.partition(" ")
    digest = base64.b64decode(encoded, validate=True)  # raises binascii.Error, a ValueError
    if algorithm not in ALGORITHMS or len(digest) != hashlib.new(algorithm).digest_size:
        raise ValueError(f"not a checksum of {' or '.join(ALGORITHMS)}")
    return algorithm, digest
