"""Every text, figure and name in the viewer's language."""

__all__ = ["format", "names", "sentences", "text"]
