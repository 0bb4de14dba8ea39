"""What runs jobs: child processes of this machine, or workers elsewhere."""

__all__ = ["model", "threads"]
