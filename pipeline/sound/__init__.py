"""The samples of a file: decoded, placed in time by one rule, and measured."""

__all__ = ["decode", "level", "loudness", "pcm", "timestamps"]
