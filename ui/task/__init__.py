"""One task opened: compare, adjust, place, evidence, events."""

__all__ = ["detail"]
