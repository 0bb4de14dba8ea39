"""Threads hand in patches; one of them writes for all."""

__all__ = ["group_commit"]
