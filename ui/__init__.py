"""What a person sees. Calls ``store`` and ``pipeline``; holds no logic of theirs."""

__all__ = ["incoming", "pages", "parts", "routes", "service", "web"]
