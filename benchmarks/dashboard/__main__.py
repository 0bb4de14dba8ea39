"""What the page costs, as one table: script runs, viewers, uploads and players.

    python -m benchmarks.dashboard [runs] [viewers] [memory]

Our routes and Streamlit's stock widgets run in the same session on the same machine, so
that the ratios mean something where absolute numbers do not.
"""

from __future__ import annotations

import argparse
import re

from benchmarks.dashboard.memory import measure_memory
from benchmarks.dashboard.rows import head
from benchmarks.dashboard.runs import measure_runs
from benchmarks.dashboard.viewers import measure_viewers


def main() -> None:
    """Run all parts, or those named."""
    parser = argparse.ArgumentParser(description=re.sub(r"\s+", " ", __doc__ or ""))
    parser.add_argument("parts", nargs="*", help="runs, viewers, memory; all when none is named")
    parser.add_argument("--upload-mb", type=int, default=2048)
    parser.add_argument("--result-mb", type=int, default=1024)
    parser.add_argument("--viewers", type=int, nargs="+", default=[1, 20])
    parser.add_argument("--seconds", type=float, default=45.0, help="for each CPU figure")
    given = parser.parse_args()
    parts = given.parts or ["runs", "viewers", "memory"]
    if unknown := set(parts) - {"runs", "viewers", "memory"}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    head()
    if "runs" in parts:
        measure_runs([10, 1_000, 10_000], rounds=15)
    if "viewers" in parts:
        measure_viewers(given.viewers, given.seconds)
    if "memory" in parts:
        measure_memory(given.upload_mb, given.result_mb)


if __name__ == "__main__":
    main()
