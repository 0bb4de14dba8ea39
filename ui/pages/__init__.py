"""The frame around the page, and its three pages."""

__all__ = ["shell"]
