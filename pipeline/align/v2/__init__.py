"""The v2 method: onset bits, then phase correlation. It is asked first.

What makes it fast is that it tries other speeds on a single chunk of bits (``tempo``); at the same
speed it is not the faster one (docs/alignment.md, "What each method costs").
"""

__all__ = ["method"]
