"""One task opened: players, downloads, adjust, place by hand, evidence, events."""

__all__ = ["detail", "share"]
