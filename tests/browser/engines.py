"""Other engines than Chromium's behind one small face: WebKitGTK by WebDriver, Firefox by BiDi.

Playwright drives builds of its own only; what Debian has is driven as W3C's protocols say. Both
open a window of 1280 x 900 pixels; sound goes to a PulseAudio server without a device, since
without any both engines play nothing.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service
from selenium.webdriver.webkitgtk.webdriver import WebDriver
from websockets.sync.client import ClientConnection, connect

from tests.browser.serving import free_port

WIDTH, HEIGHT = 1280, 900
START_SECONDS = 60.0
ANSWER_SECONDS = 120.0
MINI_BROWSER = next(
    iter(sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"), reverse=True)), None
)

FIND = """
const all = (selector, root = document) => [...root.querySelectorAll(selector),
  ...[...root.querySelectorAll('*')].flatMap(e => e.shadowRoot ? all(selector, e.shadowRoot) : [])];
const find = (selector, text = '') => all(selector).find(e => e.getClientRects().length &&
  (e.innerText || e.textContent || e.getAttribute('aria-label') || '').includes(text));
"""
"""JavaScript: ``all`` looks into shadow roots as well, ``find`` gives the first that is drawn."""


class Window(Protocol):
    """A window of one of the engines, with cookies of its own."""

    downloads: Path
    """Where what is saved appears, in this folder or in one within it."""

    def open(self, url: str) -> None: ...

    def run(self, body: str, *arguments: Any) -> Any:
        """What a function with this body returns; ``arguments`` and the names of FIND are there."""
        ...

    def press(self, x: float, y: float, to_x: float | None = None) -> None:
        """The mouse goes down here and up again, here or at another x."""
        ...

    def choose(self, selector: str, index: int, files: Sequence[Path]) -> None:
        """Choose files in the n-th input that this selector finds."""
        ...

    def picture(self, path: Path) -> None: ...

    def wait_for_timeout(self, milliseconds: float) -> None:
        """As a page of Playwright's waits."""
        time.sleep(milliseconds / 1000)


class WebKit(Window):
    """WebKitGTK's MiniBrowser."""

    def __init__(self, driver: WebDriver, downloads: Path) -> None:
        self._driver = driver
        self.downloads = downloads

    def open(self, url: str) -> None:
        self._driver.get(url)

    def run(self, body: str, *arguments: Any) -> Any:
        return self._driver.execute_script(FIND + body, *arguments)

    def press(self, x: float, y: float, to_x: float | None = None) -> None:
        chain: Any = ActionChains(self._driver, duration=100)
        mouse = chain.w3c_actions.pointer_action
        mouse.move_to_location(int(x), int(y)).pointer_down()
        if to_x is not None:
            for step in range(1, 6):
                mouse.move_to_location(int(x + (to_x - x) * step / 5), int(y))
        mouse.pointer_up()
        chain.perform()

    def choose(self, selector: str, index: int, files: Sequence[Path]) -> None:
        field = self.run("return all(arguments[0])[arguments[1]];", selector, index)
        field.send_keys("\n".join(map(str, files)))

    def picture(self, path: Path) -> None:
        self._driver.save_screenshot(str(path))


class Firefox(Window):
    """Firefox by WebDriver BiDi (https://w3c.github.io/webdriver-bidi/), which it speaks itself."""

    def __init__(self, socket: ClientConnection, downloads: Path) -> None:
        self._socket = socket
        self._sent = 0
        self.downloads = downloads
        self._call("session.new", capabilities={})
        [tree] = self._call("browsingContext.getTree")["contexts"]
        self._context = tree["context"]
        self._call(
            "browsingContext.setViewport",
            context=self._context,
            viewport={"width": WIDTH, "height": HEIGHT},
        )

    def _call(self, method: str, **params: Any) -> Any:
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv(timeout=ANSWER_SECONDS))
            if answer.get("id") == self._sent:
                if answer["type"] == "error":
                    raise AssertionError(f"{method}: {answer['error']}: {answer['message']}")
                return answer["result"]

    def _evaluate(self, body: str, *arguments: Any) -> Any:
        answer = self._call(
            "script.callFunction",
            functionDeclaration=f"function() {{ {FIND} {body} }}",
            arguments=[{"type": "string", "value": json.dumps(argument)} for argument in arguments],
            target={"context": self._context},
            awaitPromise=True,
            userActivation=False,
        )
        if answer["type"] == "exception":
            raise AssertionError(answer["exceptionDetails"]["text"])
        return answer["result"]

    def open(self, url: str) -> None:
        self._call("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def run(self, body: str, *arguments: Any) -> Any:
        found = self._evaluate(
            "const values = [...arguments].map(value => JSON.parse(value));"
            f"return JSON.stringify((function() {{ {body} }})(...values) ?? null);",
            *arguments,
        )
        return json.loads(found["value"])

    def press(self, x: float, y: float, to_x: float | None = None) -> None:
        way = [{"type": "pointerDown", "button": 0}]
        if to_x is not None:
            way += [
                {"type": "pointerMove", "x": int(x + (to_x - x) * step / 5), "y": int(y)}
                for step in range(1, 6)
            ]
        steps = [
            {"type": "pointerMove", "x": int(x), "y": int(y)},
            *way,
            {"type": "pointerUp", "button": 0},
        ]
        mouse = {"type": "pointer", "id": "mouse", "actions": steps}
        self._call("input.performActions", context=self._context, actions=[mouse])

    def choose(self, selector: str, index: int, files: Sequence[Path]) -> None:
        field = self._evaluate(
            "return all(JSON.parse(arguments[0]))[JSON.parse(arguments[1])];", selector, index
        )
        self._call(
            "input.setFiles",
            context=self._context,
            element={"sharedId": field["sharedId"]},
            files=[str(path) for path in files],
        )

    def picture(self, path: Path) -> None:
        shot = self._call("browsingContext.captureScreenshot", context=self._context)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def _program(
    command: Sequence[str], env: dict[str, str], ready: Callable[[str], Any], log: Path
) -> Iterator[Any]:
    """A program that runs until the end; gives what ``ready`` finds in its output."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=env, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (found := ready(log.read_text(errors="replace"))):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield found
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)


def _need(*programs: str) -> None:
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)}: install Debian's packages (tests/packages.txt)")


@contextmanager
def sound(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a program whose sound goes to a sink without a device."""
    _need("pulseaudio")
    socket = folder / "pulse.sock"
    home = folder / "home"
    home.mkdir()
    env = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    env.pop("DBUS_SESSION_BUS_ADDRESS", None)
    command = [
        *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"),
        "--load=module-null-sink sink_name=nul",
        f"--load=module-native-protocol-unix socket={socket} auth-anonymous=1",
    ]
    with _program(command, env, lambda _: socket.exists(), folder / "pulseaudio.log"):
        yield {**env, "PULSE_SERVER": f"unix:{socket}"}


@contextmanager
def firefox(folder: Path) -> Iterator[Firefox]:
    """A window of Firefox."""
    _need("firefox-esr")
    profile, downloads = folder / "profile", folder / "downloads"
    profile.mkdir()
    downloads.mkdir()
    preferences = {
        "browser.download.dir": str(downloads),
        "browser.download.folderList": 2,
        "browser.shell.checkDefaultBrowser": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "app.update.auto": False,
        "media.autoplay.default": 0,
        "intl.accept_languages": "en-US",
    }
    (profile / "user.js").write_text(
        "".join(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in preferences.items())
    )
    command = [
        *("firefox-esr", "--headless", "--no-remote", "--profile", str(profile)),
        *("--remote-debugging-port", "0", "--window-size", f"{WIDTH},{HEIGHT}"),
    ]

    def address(log: str) -> str | None:
        found = re.search(r"WebDriver BiDi listening on (ws://\S+)", log)
        return found and found.group(1)

    with (
        sound(folder) as env,
        _program(command, env, address, folder / "firefox.log") as where,
        connect(f"{where}/session", max_size=None, open_timeout=START_SECONDS) as socket,
    ):
        yield Firefox(socket, downloads)


@contextmanager
def webkit(folder: Path) -> Iterator[WebKit]:
    """A window of WebKitGTK, which needs a screen: Xvfb's."""
    _need("WebKitWebDriver", "Xvfb")
    if MINI_BROWSER is None:
        pytest.skip("no MiniBrowser: install Debian's packages (tests/packages.txt)")
    with ExitStack() as stack:
        env = stack.enter_context(sound(folder))
        read, write = os.pipe()
        stack.callback(os.close, read)
        screen = ["Xvfb", "-displayfd", str(write), "-nolisten", "tcp"]
        process = subprocess.Popen(
            [*screen, "-screen", "0", f"{WIDTH + 100}x{HEIGHT + 200}x24"],
            pass_fds=[write],
            stderr=subprocess.DEVNULL,
        )
        stack.callback(process.wait, timeout=10)
        stack.callback(process.terminate)
        os.close(write)
        display = os.read(read, 16).decode().strip()
        env |= {
            "DISPLAY": f":{display}",
            "GDK_BACKEND": "x11",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "NO_AT_BRIDGE": "1",
            "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",  # bubblewrap needs namespaces
        }
        options = Options()
        options.binary_location = str(MINI_BROWSER)
        options.add_argument("--automation")
        service = Service("/usr/bin/WebKitWebDriver", port=free_port(), env=env)
        driver = WebDriver(options=options, service=service)
        stack.callback(driver.quit)
        driver.set_window_rect(0, 0, WIDTH, HEIGHT + 100)
        driver.set_script_timeout(ANSWER_SECONDS)
        yield WebKit(driver, folder / "home")  # it asks nobody where to save
