"""The v2 method: onset bits, then phase correlation. It is asked first.

It is cheaper than modular where another speed has to be found (``tempo`` tries them on 16 s of the
dance), and dearer at the same speed (docs/alignment.md, "What each method costs").
"""

__all__ = ["method"]
