"""Two files in, results out. Never imports streamlit."""

__all__ = [
    "child",
    "limits",
    "logs",
    "model",
    "plan",
    "reasons",
    "render",
    "running",
    "sample",
    "settings",
    "tasks",
    "visitors",
]
