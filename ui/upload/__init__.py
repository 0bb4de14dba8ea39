"""Handing files in: choosing, checking, what was found in them."""

__all__ = ["first_sight", "panel"]
