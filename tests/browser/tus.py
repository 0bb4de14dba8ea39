"""A small tus 1.0.0 client, which sends what the uploader component sends."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.browser.serving import Server
from ui.incoming.uploads import TOKEN_HEADER, URL
from ui.web.visitor import COOKIE, new_key, sign, signed_key, visitor_name


@dataclass(frozen=True)
class Sender:
    """A browser of its own that uploads to a server."""

    server: Server
    key: str = field(default_factory=new_key)

    def headers(self, **more: str) -> dict[str, str]:
        """What every request carries: version, the page's token, the visitor's cookie."""
        secret = (self.server.outputs / ".secret").read_bytes()
        return {
            "Tus-Resumable": "1.0.0",
            TOKEN_HEADER: sign(secret, "upload", visitor_name(self.key)),
            "Cookie": f"{COOKIE}={signed_key(self.key, secret)}",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }

    def request(self, method: str, uid: str = "", **more: str) -> httpx.Response:
        """A request without a body."""
        url = f"{self.server.url}{URL}" + (f"/{uid}" if uid else "")
        return httpx.request(method, url, headers=self.headers(**more), timeout=60)

    def announce(self, length: int, name: str = "a.mp4", **more: str) -> httpx.Response:
        """Announce an upload of this many bytes."""
        encoded = b64encode(name.encode()).decode()
        metadata = f"filename {encoded},filetype dmlkZW8vbXA0"  # video/mp4
        return self.request("POST", Upload_Length=str(length), Upload_Metadata=metadata, **more)

    def begin(self, length: int, name: str = "a.mp4") -> str:
        """The id of a fresh upload; raises ``httpx.HTTPStatusError``."""
        answer = self.announce(length, name).raise_for_status()
        return str(answer.headers["location"]).rpartition("/")[2]

    def send(self, uid: str, offset: int, data: bytes) -> httpx.Response:
        """Send bytes from an offset on."""
        return self.stream(uid, offset, [data], len(data))

    def stream(self, uid: str, offset: int, data: Iterable[bytes], length: int) -> httpx.Response:
        """Send parts as they come; they are ``length`` bytes together."""
        given = self.headers(
            Upload_Offset=str(offset),
            Content_Type="application/offset+octet-stream",
            Content_Length=str(length),
        )
        url = f"{self.server.url}{URL}/{uid}"
        return httpx.patch(url, content=data, headers=given, timeout=60)

    def offset(self, uid: str) -> int:
        """How much the server has; raises ``httpx.HTTPStatusError``."""
        return int(self.request("HEAD", uid).raise_for_status().headers["upload-offset"])

    def file(self, uid: str) -> Path:
        """Where the server keeps the upload."""
        return self.server.outputs / "incoming" / visitor_name(self.key) / uid
