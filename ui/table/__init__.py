"""The live table, and what can be done with its rows."""

__all__ = ["actions", "notices", "table"]
