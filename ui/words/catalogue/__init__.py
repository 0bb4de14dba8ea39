"""The page's texts, one module a language, the same keys in each."""

__all__ = ["en", "zh"]
