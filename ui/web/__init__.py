"""What every request says of who asks, and what every answer of ours carries.

Nothing here imports Streamlit, nor in the folders of routes that build on it.
"""

__all__ = [
    "addresses",
    "connections",
    "look",
    "memory",
    "network",
    "origin",
    "pace",
    "security",
    "visitor",
]
