"""The store beside SQLite on one disk: ``python -m benchmarks.store``."""
