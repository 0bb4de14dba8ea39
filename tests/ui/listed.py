"""What the list of tasks is given to draw, as Streamlit's AppTest sees it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest


def listed(page: AppTest) -> list[dict[str, Any]]:
    """The rows of the list."""
    [found] = [
        json.loads(element.proto.json)
        for element in page.get("bidi_component")
        if element.proto.component_name == "retrack_list"
    ]
    rows: list[dict[str, Any]] = found["rows"]
    return rows
