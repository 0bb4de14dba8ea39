"""What is true whatever the method: signals, a person's hint, sound of no use. No estimator."""

__all__ = ["hint", "joints", "signal", "usable"]
