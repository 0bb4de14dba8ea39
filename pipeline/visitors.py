"""Visitors by their names: whose a task is, whose turn it is, and who counts together.

The name of a visitor begins with that of the network in which their key was made (``ui.web``
names both), so that many keys of one address are nobody new. Where it was not seen, which is so on
the server's own machine and for logins, a visitor's network is their own.
"""

from __future__ import annotations

NETWORK_LETTERS = 8


def network_of(visitor: str) -> str:
    """What the names of all visitors of one network begin with."""
    return visitor[:NETWORK_LETTERS]


def group_of(visitor: str | None) -> str | None:
    """Whose turn it is in a queue: the network's, then the visitor's."""
    return f"{network_of(visitor)}/{visitor[NETWORK_LETTERS:]}" if visitor else None
