"""What runs jobs and the page's calls: child processes of this machine, or workers elsewhere."""

__all__ = ["inputs", "model", "threads"]
