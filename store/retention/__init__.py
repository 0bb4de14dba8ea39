"""What leaves the file or is kept beside it: history, backup, repair, the cap, the 24 hours."""

__all__ = ["backup", "details", "expiry", "history", "repair", "size_cap", "task_files"]
