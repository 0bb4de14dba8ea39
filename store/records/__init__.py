"""What may happen to a record: pure functions, and the patches made of them."""

__all__ = ["draft", "transitions"]
