"""What a person sees. Calls ``store`` and ``pipeline``; holds no logic of theirs."""

__all__ = ["http", "incoming", "pages", "parts", "routes", "service"]
