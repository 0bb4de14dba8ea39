"""The frame around the pages, and what each shows: home, history, the operator's."""

__all__ = ["shell"]
