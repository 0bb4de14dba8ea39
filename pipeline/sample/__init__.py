"""The sample pair: a tune, and figures that dance to it; and the film of first sight."""

__all__ = ["film", "pair"]
