"""A visitor without a browser: uploads by tus, and a page's session that chooses and presses."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from tests.browser.serving import Server
from tests.browser.tus import Sender
from ui.web.visitor import COOKIE

PIECE_BYTES = 8 * 1024 * 1024
"""How much is sent in a request, half of what the page's uploader sends."""
PATIENCE_SECONDS = 300.0
FLOOD_SECONDS = 0.001


class Visitor:
    """One browser, by its cookie, which a proxy got for this address if one is given; in a ``with``
    block it has the page open.

    Raises ``OSError`` or ``websockets.WebSocketException`` when the server ends.
    """

    def __init__(self, server: Server, address: str = "") -> None:
        self.server = server
        self.sender = Sender(server, _key(server, address)) if address else Sender(server)
        self._socket: ClientConnection | None = None
        self._ids: dict[str, str] = {}
        """Streamlit's names of the widgets by ours, those drawn last at the end."""
        self._chosen: WidgetState | None = None
        self._page = ""

    def __enter__(self) -> Self:
        cookie = self.sender.headers()["Cookie"]
        httpx.get(self.server.url, headers={"Cookie": cookie}, timeout=60).raise_for_status()
        self._ids, self._chosen, self._page = {}, None, ""
        self._socket = connect(
            f"{self.server.url.replace('http', 'ws', 1)}/_stcore/stream",
            origin=Origin(self.server.url),
            subprotocols=[Subprotocol("streamlit")],
            additional_headers={"Cookie": cookie},
            open_timeout=60,
            max_size=None,
        )
        self.run()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._socket is not None:
            self._socket.close()

    def upload(self, data: bytes, name: str = "a.mp4") -> str:
        """Send a whole file; gives its id. Raises ``httpx.HTTPError`` when it is not taken."""
        uid = self.sender.begin(len(data), name)
        for offset in range(0, len(data), PIECE_BYTES):
            piece = data[offset : offset + PIECE_BYTES]
            self.sender.send(uid, offset, piece).raise_for_status()
        return uid

    def choose(self, dances: Sequence[str], reference: str | None = None) -> None:
        """Have the page's uploader say that these uploads are there."""
        files = {
            "dance": [{"id": uid} for uid in dances],
            "reference": {"id": reference} if reference else None,
        }
        name = [name for name in self._ids if name.startswith("uploader-")][-1]
        self._chosen = WidgetState(
            id=self._ids[name], json_value=json.dumps({"files": files, "blocked": False})
        )
        self.run()

    def press(self, button: str) -> None:
        """Press one of the page's buttons, by its key."""
        self.run(WidgetState(id=self._ids[button], trigger_value=True))

    def hand_in(self, dances: Sequence[str], reference: str) -> None:
        """Make a task of each dance; what becomes of it stands in the task file."""
        self.choose(dances, reference)
        self.press("upload.start")

    def run(self, *pressed: WidgetState) -> None:
        """Have the page drawn, and take all that comes until it is."""
        socket = self._open_socket()
        socket.send(self._asking(*pressed))
        while not self._take(socket.recv(PATIENCE_SECONDS)):
            pass

    def flood(self, until: float) -> None:
        """Ask for the page a thousand times a second, and throw away what comes, until the clock
        (``time.monotonic``) says so."""
        socket, message = self._open_socket(), self._asking()
        threading.Thread(target=lambda: deque(socket, maxlen=0), daemon=True).start()
        while time.monotonic() < until:
            socket.send(message)
            time.sleep(FLOOD_SECONDS)

    def _open_socket(self) -> ClientConnection:
        if self._socket is None:
            raise RuntimeError("the page is not open")
        return self._socket

    def _asking(self, *pressed: WidgetState) -> bytes:
        message = BackMsg()
        state = message.rerun_script
        state.page_script_hash = self._page
        state.context_info.timezone = "Asia/Shanghai"
        state.context_info.locale = "en-US"
        state.widget_states.widgets.extend([*([self._chosen] if self._chosen else []), *pressed])
        data: bytes = message.SerializeToString()
        return data

    def _take(self, data: str | bytes) -> bool:
        """Read one message; whether it ends the run."""
        message = ForwardMsg()
        message.ParseFromString(data if isinstance(data, bytes) else data.encode())
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._page = message.new_session.page_script_hash
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            found = getattr(getattr(element, element.WhichOneof("type") or ""), "id", "")
            if isinstance(found, str) and found.startswith("$$ID-"):
                name = found.split("-", 2)[2]
                self._ids.pop(name, None)
                self._ids[name] = found
        return (
            kind == "script_finished"
            and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
        )


def _key(server: Server, address: str) -> str:
    """What the server gives a browser at this address."""
    answer = httpx.get(server.url, headers={"X-Forwarded-For": address}, timeout=60)
    return answer.raise_for_status().cookies[COOKIE].partition(".")[0]


def tasks_of(server: Server) -> Mapping[str, Any]:
    """The task file as it is now; empty while there is none."""
    with suppress(FileNotFoundError):
        found: dict[str, Any] = json.loads((server.outputs / "task_status.json").read_text())
        return found
    return {}


def wait(found: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> float:
    """Wait for something true; gives after how long (seconds). Raises ``TimeoutError``."""
    began = time.monotonic()
    while not found():
        if time.monotonic() > began + seconds:
            raise TimeoutError(f"waited in vain for {what}")
        time.sleep(0.05)
    return time.monotonic() - began


def described(visitor: Visitor, uid: str) -> Path:
    """Where it is noted what an upload is, once that is known."""
    return visitor.sender.file(uid).with_suffix(".facts")
