"""Runs this benchmark's processes with syncs that take longer than this machine's.

What a sync costs differs between disks by a factor of a hundred, and a store that groups its
syncs is the better the more they cost; so its figures are given for several costs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path


def run_with_slower_syncs(module: str, arguments: list[str], extra_ms: float) -> str:
    """The output of ``python -m module`` with each sync ``extra_ms`` milliseconds longer.

    Needs Linux and a C compiler; raises OSError or CalledProcessError without.
    """
    with tempfile.TemporaryDirectory() as folder:
        shim = Path(folder) / "slow_sync.so"
        source = Path(__file__).with_suffix(".c")
        command = ["gcc", "-O1", "-shared", "-fPIC", "-o", str(shim), str(source), "-ldl"]
        subprocess.run(command, check=True, timeout=60)
        slower = {"LD_PRELOAD": str(shim), "SLOW_SYNC_US": str(round(1e3 * extra_ms))}
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env=os.environ | slower,
            check=True,
            timeout=600,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
