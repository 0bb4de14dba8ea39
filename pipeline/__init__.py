"""Two files in, results out. Never imports streamlit."""

__all__ = ["child", "logs", "model", "plan", "reasons", "render", "settings", "tasks"]
