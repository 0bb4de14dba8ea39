"""What harm costs: the worst files, damaged files, and visitors who take all they can.

    python -m benchmarks.abuse [worst] [indexes] [tasks] [mutants] [yielding] [described]
        [turns] [flood] [visits] [disk] [storm]

Ends with 1 where something was not answered as it should be.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping

from benchmarks.abuse.flood import measure_flood
from benchmarks.abuse.indexes import measure_indexes
from benchmarks.abuse.mutants import measure_mutants
from benchmarks.abuse.service import measure_described, measure_disk, measure_turns
from benchmarks.abuse.storm import measure_storm
from benchmarks.abuse.visits import measure_visits
from benchmarks.abuse.worst import measure_tasks, measure_worst
from benchmarks.abuse.yielding import measure_yielding

PARTS: Mapping[str, Callable[[argparse.Namespace], bool | None]] = {
    "worst": lambda given: measure_worst(),
    "indexes": lambda given: measure_indexes(),
    "tasks": lambda given: measure_tasks(),
    "mutants": lambda given: measure_mutants(given.count, given.first, given.processes),
    "yielding": lambda given: measure_yielding(),
    "described": lambda given: measure_described(given.files),
    "turns": lambda given: measure_turns(given.files),
    "flood": lambda given: measure_flood(),
    "visits": lambda given: measure_visits(),
    "disk": lambda given: measure_disk(),
    "storm": lambda given: measure_storm(given.seconds, given.visitors, given.tasks, given.viewers),
}
"""Each says whether all was answered as it should be; None where it only measures."""


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
    parts = given.parts or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    fine = True
    for part in parts:
        print(f"\n## {part}\n", flush=True)
        fine &= PARTS[part](given) is not False
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
