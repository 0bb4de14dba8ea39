"""Work in a child process: its protocol and both of its ends."""

__all__ = ["cached_calls", "calls", "priority", "sandbox", "supervise"]
