"""``Store``: the methods that a caller sees, the threads behind it, the process's one store."""

__all__ = ["default", "store"]
