"""A visitor with tasks of their own on a server that the tests share: a server costs three seconds
of the processor's until its first page is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.browser.serving import Server
from tests.browser.steps import restore
from ui.web.visitor import COOKIE, new_key, signed_key, visitor_name


@dataclass(frozen=True)
class Visitor:
    """Whoever enters with the key; on a private server nobody else sees what is theirs."""

    server: Server
    key: str = field(default_factory=new_key)

    @property
    def name(self) -> str:
        """As tasks carry it."""
        return visitor_name(self.key)

    def enter(self, context: Any) -> None:
        """What a browser window does before its first page."""
        value = signed_key(self.key, (self.server.outputs / ".secret").read_bytes())
        context.add_cookies([{"name": COOKIE, "value": value, "url": self.server.url}])

    def bring(self, tasks: Mapping[str, Mapping[str, Any]]) -> None:
        """Another program brings tasks of theirs in."""
        file = self.server.outputs.parent / f"{self.name}.json"
        theirs = {task_id: {**task, "visitor": self.name} for task_id, task in tasks.items()}
        file.write_text(json.dumps(theirs))
        restore(self.server, file)
