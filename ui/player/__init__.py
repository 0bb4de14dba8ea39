"""The player of a dance and its results, what it cannot play, and the takes it leads to."""

__all__ = ["compare", "playable", "shape", "takes"]
