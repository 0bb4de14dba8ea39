"""Every text, figure and name in the viewer's language."""

__all__ = ["catalogue", "format", "names", "sentences", "text"]
