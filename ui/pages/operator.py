"""What whoever runs the server looks after: its health, and how well it does."""

from __future__ import annotations

from ui.pages import health, statistics
from ui.parts.guarded import part
from ui.service import Service


def show_operator(service: Service) -> None:
    """Health first, then the figures."""
    part(health.show_health, service)
    part(statistics.show_statistics, service)
