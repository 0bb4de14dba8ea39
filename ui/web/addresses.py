"""Where routes stand: at the root, and under ``server.baseUrlPath``, to which Streamlit takes none.

Each by itself: one ``Mount`` of the prefix around all of them would swallow the page. What nobody
serves below our folders is 404, where Streamlit would answer with the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount, Route

FOLDERS = ("/files", "/uploads", "/api")
_NOT_FOUND = PlainTextResponse("not found", status_code=404)
UNKNOWN: tuple[BaseRoute, ...] = tuple(
    route for folder in FOLDERS for route in (Mount(folder, _NOT_FOUND), Route(folder, _NOT_FOUND))
)
"""The last routes: whatever is asked for below our folders and is not there."""


def also_below(base: str, routes: Sequence[BaseRoute]) -> Iterator[BaseRoute]:
    """The routes, and once more below the path ``base`` where one is given.

    Raises TypeError for a route that is neither a ``Route`` nor a ``Mount``.
    """
    yield from routes
    prefix = base.strip("/")
    if not prefix:
        return
    for route in routes:
        if isinstance(route, Route):
            methods = sorted(route.methods) if route.methods else None
            yield Route(f"/{prefix}{route.path}", route.endpoint, methods=methods)
        elif isinstance(route, Mount):
            yield Mount(f"/{prefix}{route.path}", route.app)
        else:
            raise TypeError(f"{route!r} cannot stand below a path")
