"""The live list of tasks, and what can be done with them."""

__all__ = ["actions", "notices", "table"]
