"""The page: sets up its parts and nothing else. Runs by itself, or wrapped by asgi_app.py."""

from __future__ import annotations

from ui.pages.shell import show

show()
