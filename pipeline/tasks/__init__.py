"""Tasks: from the store's records to jobs and back. Nothing else here writes to the store."""

__all__ = [
    "answer",
    "extra_files",
    "form",
    "measures",
    "noted",
    "queue",
    "record",
    "runner",
    "shares",
    "submit",
    "values",
]
