"""The bytes of the task file: whole, synced, locked, decoded, read again when changed."""

__all__ = ["codec", "disk", "lock", "owners", "reserve", "suitable", "view"]
