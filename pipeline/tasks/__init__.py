"""Tasks: the store's records as the rest of the program reads them, and how one is handed in."""

__all__ = [
    "answer",
    "details",
    "extra_files",
    "form",
    "noted",
    "queue",
    "record",
    "shares",
    "submit",
    "values",
]
