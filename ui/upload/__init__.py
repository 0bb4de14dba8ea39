"""Handing files in: choosing, checking, what was found in them."""

__all__ = ["panel"]
