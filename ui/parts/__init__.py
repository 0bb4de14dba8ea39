"""What Streamlit lacks and every page needs: live parts, toasts, guards, who is looking."""

__all__ = [
    "banners",
    "ended_runs",
    "fold",
    "guarded",
    "live",
    "login",
    "messages",
    "selectbox",
    "toasts",
    "viewer",
    "without_routes",
]
