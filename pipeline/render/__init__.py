"""From a plan to a file that appears only when it is whole."""

__all__ = ["ahead", "mix", "result"]
