"""Whether two files are byte for byte the same, whatever they are called."""

from __future__ import annotations

from pathlib import Path

BLOCK_BYTES = 1 << 20
"""How much is compared at a time."""


def same_bytes(first: Path, second: Path) -> bool:
    """Whether both files hold the same bytes; only files of one size are read, and no further
    than the first difference. Raises ``OSError``.
    """
    if first.stat().st_size != second.stat().st_size:
        return False
    if first.samefile(second):
        return True
    with first.open("rb") as one, second.open("rb") as other:
        while piece := one.read(BLOCK_BYTES):
            if piece != other.read(BLOCK_BYTES):
                return False
    return True
