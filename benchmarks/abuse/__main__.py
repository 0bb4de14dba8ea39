"""What harm costs: the worst files, damaged files, and visitors who take all they can.

    python -m benchmarks.abuse [worst] [tasks] [mutants] [service]

Ends with 1 where something was not answered as it should be.
"""

from __future__ import annotations

import argparse
import re
import sys

from benchmarks.abuse.mutants import measure_mutants
from benchmarks.abuse.worst import measure_tasks, measure_worst

PARTS = ("worst", "tasks", "mutants")


def main() -> int:
    """Run all parts, or those named."""
    parser = argparse.ArgumentParser(description=re.sub(r"\s+", " ", __doc__ or ""))
    parser.add_argument("parts", nargs="*", help=f"{', '.join(PARTS)}; all when none is named")
    parser.add_argument("--count", type=int, default=2000, help="mutants")
    parser.add_argument("--first", type=int, default=0, help="the first mutant's seed")
    parser.add_argument("--processes", type=int, default=2, help="mutants at a time")
    given = parser.parse_args()
    parts = given.parts or PARTS
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    fine = True
    for part in parts:
        print(f"\n## {part}\n", flush=True)
        if part == "worst":
            fine &= measure_worst()
        elif part == "tasks":
            fine &= measure_tasks()
        elif part == "mutants":
            fine &= measure_mutants(given.count, given.first, given.processes)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
