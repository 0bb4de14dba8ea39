"""From an answer to exact frames, times and gains. Writes nothing."""

__all__ = ["estimate", "make", "measurements", "options", "pieces", "render_plan", "size_limit"]
