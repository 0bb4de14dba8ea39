"""The HTTP routes beside the page: files with ranges, pages for a link, figures, and who gets in.

Nothing here imports Streamlit. Streamlit's own XSRF protection does not cover these
routes, so each checks origin, token and visitor itself.
"""

__all__ = [
    "access",
    "bundle",
    "files",
    "health",
    "metrics",
    "placed",
    "share",
    "thumbnail",
]
