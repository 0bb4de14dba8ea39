"""The fast method: bits of onsets, then phase."""

__all__ = ["method"]
