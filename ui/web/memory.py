"""How much memory is free: of the machine, and of a control group that a host sets around us."""

from __future__ import annotations

from pathlib import Path

import psutil

GROUPS = Path("/sys/fs/cgroup")
_FILES = (
    ("", "memory.max", "memory.current"),  # version 2
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),  # version 1
)


def free_memory(groups: Path = GROUPS) -> int:
    """Bytes that may still be taken; what the kernel keeps of files counts as free."""
    free = int(psutil.virtual_memory().available)
    for folder, limit, used in _FILES:
        at = groups / folder
        try:
            stat = dict(line.split() for line in (at / "memory.stat").read_text().splitlines())
            taken = int((at / used).read_text()) - int(stat["inactive_file"])
            free = min(free, int((at / limit).read_text()) - taken)
        except (OSError, ValueError, KeyError):  # no such group, or "max"
            continue
    return max(0, free)
