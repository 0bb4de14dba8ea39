"""What leaves the file or is kept beside it: history, backup, repair, the 24 hours."""

__all__ = ["backup", "details", "expiry", "history", "repair", "task_files"]
