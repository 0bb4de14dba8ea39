"""The sample pair: a tune, and a figure that dances to it."""

__all__ = ["pair"]
