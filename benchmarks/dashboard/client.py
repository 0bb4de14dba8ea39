"""Viewers without a browser, which speak Streamlit's protocol and cause a browser's reruns.

    python -m benchmarks.dashboard.client URL VIEWERS

Each connects as a browser does, with a visitor's cookie, asks for the page, and asks for each
fragment again at the interval that the page set; it takes every message and draws nothing.
Twenty Chromium pages would take the processor from the server that is measured. Runs until
its standard input ends, then prints how many runs of scripts and fragments the server reported.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from ui.web.visitor import COOKIE


class Viewer:
    """One session."""

    def __init__(self) -> None:
        self.runs = 0
        self._page = ""
        self._due: dict[str, tuple[float, float]] = {}
        """By fragment: its interval (seconds) and when it is asked for next."""
        self._set: dict[str, tuple[float, float]] = {}

    async def watch(self, url: str) -> None:
        """Open the page and stay; raises ``websockets.ConnectionClosed`` when the server ends."""
        async with httpx.AsyncClient() as browser:
            cookie = (await browser.get(url)).cookies[COOKIE]
        async with connect(
            f"{url.replace('http', 'ws', 1)}/_stcore/stream",
            subprotocols=[Subprotocol("streamlit")],
            additional_headers={"Cookie": f"{COOKIE}={cookie}"},
            max_size=None,
        ) as socket:
            await self._ask(socket)
            while True:
                wait = min((due for _, due in self._due.values()), default=time.monotonic() + 1)
                try:
                    async with asyncio.timeout_at(
                        asyncio.get_running_loop().time() + max(0.0, wait - time.monotonic())
                    ):
                        self._take(await socket.recv())
                except TimeoutError:
                    await self._ask_due(socket)

    async def _ask_due(self, socket: ClientConnection) -> None:
        now = time.monotonic()
        for fragment, (interval, due) in list(self._due.items()):
            if due <= now:
                self._due[fragment] = (interval, now + interval)
                await self._ask(socket, fragment)

    async def _ask(self, socket: ClientConnection, fragment: str = "") -> None:
        message = BackMsg()
        state = message.rerun_script
        state.page_script_hash = self._page
        state.context_info.timezone = "Asia/Shanghai"
        state.context_info.locale = "en-US"
        if fragment:
            state.fragment_id = fragment
            state.is_auto_rerun = True
        await socket.send(message.SerializeToString())

    def _take(self, data: str | bytes) -> None:
        message = ForwardMsg()
        message.ParseFromString(data if isinstance(data, bytes) else data.encode())
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._page = message.new_session.page_script_hash
            self._set = {}
        elif kind == "auto_rerun":
            interval = float(message.auto_rerun.interval)
            self._set[message.auto_rerun.fragment_id] = (interval, time.monotonic() + interval)
        elif kind == "stop_auto_rerun":
            self._due.pop(message.stop_auto_rerun.fragment_id, None)
        elif kind == "script_finished":
            whole = message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
            self.runs += 1
            # A whole run sets all timers anew, as in the browser.
            self._due = dict(self._set) if whole else {**self._due, **self._set}
            self._set = {}


async def main(url: str, count: int) -> None:
    """Let ``count`` viewers watch until standard input ends."""
    viewers = [Viewer() for _ in range(count)]
    async with asyncio.TaskGroup() as group:
        watching = [group.create_task(viewer.watch(url)) for viewer in viewers]
        await asyncio.to_thread(sys.stdin.read)
        print(sum(viewer.runs for viewer in viewers))
        for task in watching:
            task.cancel()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1], int(sys.argv[2])))
