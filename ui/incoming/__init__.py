"""Files on their way in: resumable uploads, Streamlit's own route, their limits and their end."""

__all__ = ["limits", "stock", "taking", "tidy", "uploads"]
