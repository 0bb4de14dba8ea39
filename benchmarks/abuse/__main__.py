"""What harm costs: the worst files, damaged files, and visitors who take all they can.

    python -m benchmarks.abuse [worst] [indexes] [tasks] [mutants] [yielding] [described]
        [turns] [flood] [disk] [storm]

Ends with 1 where something was not answered as it should be.
"""

from __future__ import annotations

import argparse
import re
import sys

from benchmarks.abuse.flood import measure_flood
from benchmarks.abuse.indexes import measure_indexes
from benchmarks.abuse.mutants import measure_mutants
from benchmarks.abuse.service import measure_described, measure_disk, measure_turns
from benchmarks.abuse.storm import measure_storm
from benchmarks.abuse.worst import measure_tasks, measure_worst
from benchmarks.abuse.yielding import measure_yielding

PARTS = (
    *("worst", "indexes", "tasks", "mutants", "yielding"),
    *("described", "turns", "flood", "disk", "storm"),
)


def main() -> int:
    """Run all parts, or those named."""
    parser = argparse.ArgumentParser(description=re.sub(r"\s+", " ", __doc__ or ""))
    parser.add_argument("parts", nargs="*", help=f"{', '.join(PARTS)}; all when none is named")
    parser.add_argument("--count", type=int, default=2000, help="mutants")
    parser.add_argument("--first", type=int, default=0, help="the first mutant's seed")
    parser.add_argument("--files", type=int, default=40, help="of A's, in described and turns")
    parser.add_argument("--seconds", type=float, default=900.0, help="of the storm")
    parser.add_argument("--visitors", type=int, default=20, help="in the storm")
    parser.add_argument("--tasks", type=int, default=200, help="of all of them in the storm")
    parser.add_argument("--viewers", type=int, default=50, help="in the storm")
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
        elif part == "indexes":
            measure_indexes()
        elif part == "tasks":
            fine &= measure_tasks()
        elif part == "mutants":
            fine &= measure_mutants(given.count, given.first, given.processes)
        elif part == "yielding":
            measure_yielding()
        elif part == "described":
            fine &= measure_described(given.files)
        elif part == "turns":
            fine &= measure_turns(given.files)
        elif part == "flood":
            fine &= measure_flood()
        elif part == "disk":
            fine &= measure_disk()
        elif part == "storm":
            fine &= measure_storm(given.seconds, given.visitors, given.tasks, given.viewers)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
