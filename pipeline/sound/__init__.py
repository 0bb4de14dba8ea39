"""The samples of a file: decoded, on one clock, and measured. Writes no result."""

__all__ = ["decode", "level", "loudness", "pcm", "timestamps"]
