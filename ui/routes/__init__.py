"""The HTTP routes beside the page: files with ranges, uploads, the visitor's cookie.

Nothing here imports Streamlit. Streamlit's own XSRF protection does not cover these
routes, so each checks origin, token and visitor itself.
"""

__all__ = [
    "access",
    "addresses",
    "bundle",
    "files",
    "health",
    "limits",
    "look",
    "memory",
    "metrics",
    "origin",
    "security",
    "share",
    "stock",
    "thumbnail",
    "tidy",
    "uploads",
    "visitor",
]
