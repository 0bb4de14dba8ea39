"""What answers carry that nothing of ours has made."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from ui.web.security import SecurityHeaders


async def _fail(request: Request) -> Response:
    raise RuntimeError("a path: /home/retrack/outputs")


def test_a_failure_of_the_server_carries_them_too_and_says_no_more() -> None:
    app = Starlette(routes=[Route("/", _fail)], middleware=[Middleware(SecurityHeaders)])
    answer = TestClient(app, raise_server_exceptions=False).get("/")
    assert answer.status_code == 500 and "retrack" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "private, no-cache"
    with pytest.raises(RuntimeError):
        TestClient(app).get("/")
