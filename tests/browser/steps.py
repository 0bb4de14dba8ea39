"""What a person, or another program, does again and again in these tests."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from pipeline.settings import Settings
from pipeline.tasks.submit import submit
from store import Store
from store.settings import StoreSettings
from tests.browser.serving import Server

HOLD = """
const every = window.setInterval;
window.setInterval = (act, ...rest) => every(() => { if (!window.held) act(); }, ...rest);
"""
"""A page that does not look again by itself while ``held`` is true."""
EARS = """
const connect = AudioNode.prototype.connect;
window.ears = [];
AudioNode.prototype.connect = function (to, ...rest) {
  if (to === this.context.destination) {
    const ear = new AnalyserNode(this.context, {fftSize: 8192, smoothingTimeConstant: 0});
    connect.call(this, ear);
    window.ears.push(ear); }
  return connect.call(this, to, ...rest); };
window.loudest = () => Math.max(0, ...window.ears.map(ear => {
  const samples = new Float32Array(ear.fftSize);
  if (ear.context.state === 'running') ear.getFloatTimeDomainData(samples);
  return Math.max(...samples.map(Math.abs)); }));
window.listen = async seconds => {
  let bass = 0, all = 0;
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    for (const ear of window.ears) {
      const levels = new Float32Array(ear.frequencyBinCount);
      ear.getFloatFrequencyData(levels);
      levels.forEach((level, bin) => {
        const power = 10 ** (level / 10);
        all += power;
        if (bin * ear.context.sampleRate / ear.fftSize < 110) bass += power; }); }
    await new Promise(done => setTimeout(done, 60)); }
  return {all, bass: all ? bass / all : 0}; };
"""
"""Listens to all that goes to the loudspeaker: its largest sample at this moment, or over some
seconds how much there is and how much of it is bass."""
SHIFT = """
() => new Promise(done => {
  const own = list => list.getEntries().filter(entry => !entry.hadRecentInput);
  new PerformanceObserver(list => done(own(list).reduce((sum, entry) => sum + entry.value, 0)))
    .observe({type: 'layout-shift', buffered: true});
  setTimeout(() => done(0), 1000); })
"""
"""How much of the page has moved since it was opened, but by what a person did: the sum of the
scores of https://wicg.github.io/layout-instability (Chromium)."""
FOLLOW = """
selector => {
  const followed = Boolean(window.places);
  (window.places ??= {})[selector] = [];
  if (followed) return;
  const roots = (root, found = []) => {
    found.push(root);
    for (const element of root.querySelectorAll('*'))
      if (element.shadowRoot) roots(element.shadowRoot, found);
    return found; };
  const look = () => {
    const all = roots(document);
    for (const [one, places] of Object.entries(window.places)) {
      let found = null;
      for (const root of all) if (found = root.querySelector(one)) break;
      const box = found?.textContent && found.getClientRects()[0];
      const place = box && Math.round(
        box.y + document.querySelector('[data-testid=stMain]').scrollTop);
      if (box && place !== places.at(-1)) places.push(place); }
    requestAnimationFrame(look); };
  look(); }
"""
"""Where it stands on the page, from the first picture that the browser draws with it, in order.
The page is walked once a picture, whatever is followed: it costs what the page itself does."""
GRID = "[data-testid=stDataFrame] canvas"
ROWS = ".list tbody tr"


def records(server: Server) -> dict[str, Any]:
    """The task file as it is now, each record with its details."""
    return records_in(server.outputs)


def records_in(outputs: Path) -> dict[str, Any]:
    """The same of a folder."""
    found: dict[str, dict[str, Any]] = json.loads((outputs / "task_status.json").read_text())
    for task_id, record in found.items():
        beside = outputs / "results" / task_id / f"details-{record.get('details')}.json"
        if beside.is_file():  # none, or a later version has just taken its place
            record.update(json.loads(beside.read_text()))
    return found


def until(page: Any, found: Callable[[], Any], what: str, *, seconds: float = 120.0) -> Any:
    """Wait for ``found`` to give something true; the browser goes on meanwhile.

    ``page`` is a page of Playwright's, a window of another engine, or None where none is open.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := found():
            return value
        if page is None:
            time.sleep(0.1)
        else:
            page.wait_for_timeout(100)
    raise AssertionError(f"waited in vain for {what}")


def wait_status(server: Server, page: Any, task_id: str, *statuses: str) -> dict[str, Any]:
    """Wait for a task's record to have one of these statuses."""

    def found() -> dict[str, Any] | None:
        record = records(server).get(task_id, {})
        return dict(record) if record.get("status") in statuses else None

    record: dict[str, Any] = until(page, found, f"{task_id} to be {' or '.join(statuses)}")
    return record


def put_in(
    server: Server,
    pair: tuple[Path, Path],
    name: str,
    *,
    options: Mapping[str, Any] | None = None,
    visitor: str | None = None,
) -> str:
    """Another program hands a task in, as ``python -m pipeline submit`` does."""
    with _store(server) as store:
        return submit(
            store,
            Settings(outputs=server.outputs),
            *pair,
            dance_name=name,
            reference_name="song.m4a",
            options=options,
            visitor=visitor,
        ).id


def made(server: Server, pair: tuple[Path, Path], name: str) -> str:
    """A task that has been worked on when a page looks at it: the id."""
    task_id = put_in(server, pair, name)
    wait_status(server, None, task_id, "success", "failed")
    return task_id


@contextmanager
def standing_still(server: Server, task_id: str) -> Iterator[None]:
    """The task is being worked on for as long as the test wants, and what is behind it waits.

    Its process is stopped (SIGSTOP) as soon as it is there, so that nothing depends on how
    long a task takes.
    """
    deadline = time.monotonic() + 60
    while records(server)[task_id]["status"] == "pending":
        assert time.monotonic() < deadline, "the task's turn has not come"
        time.sleep(0.02)
    stopped: list[psutil.Process] = []
    while not stopped:
        assert time.monotonic() < deadline, "the task has no process"
        assert records(server)[task_id]["status"] == "processing", "it is over already"
        for child in psutil.Process(server.pid).children():
            with suppress(psutil.NoSuchProcess):
                # Its own process: there are others that look at uploads.
                if child.cmdline()[-2:] == ["pipeline.child", task_id]:
                    stopped.append(child)
        for child in stopped:
            os.killpg(child.pid, signal.SIGSTOP)  # with the ffmpeg that it may have started
    assert records(server)[task_id]["status"] == "processing", "it is over already"
    try:
        yield
    finally:
        for child in stopped:
            with suppress(ProcessLookupError):  # who is cancelled is killed
                os.killpg(child.pid, signal.SIGCONT)


def cancel(server: Server, task_id: str) -> None:
    """Another program cancels a task."""
    with _store(server) as store:
        store.cancel(task_id)


def restore(server: Server, file: Path) -> None:
    """Another program brings the tasks of another file in."""
    with _store(server) as store:
        store.restore_from(file)


@contextmanager
def _store(server: Server) -> Iterator[Store]:
    store = Store(StoreSettings(outputs=server.outputs))
    store.start()
    try:
        yield store
    finally:
        store.close()


def choose_language(page: Any, name: str) -> None:
    """Choose a language in the menu at the right of the header."""
    page.locator(".st-key-language-menu button").click()
    page.get_by_role("menuitem", name=name).click()


def choose_files(page: Any, dances: list[Path], reference: Path | None) -> None:
    """Choose files in both zones and wait until they are whole on the server."""
    inputs = page.locator(".uploader input[type=file]")
    inputs.nth(0).set_input_files([str(dance) for dance in dances])
    if reference is not None:
        inputs.nth(1).set_input_files(str(reference))
    count = len(dances) + (reference is not None)
    page.locator(".uploader li[data-state=done]").nth(count - 1).wait_for()


def hand_in(page: Any, dances: list[Path], reference: Path) -> None:
    """Upload and press the button."""
    choose_files(page, dances, reference)
    page.get_by_role("button", name=re.compile("Put the music under")).click()


def wait_done(page: Any) -> None:
    """Wait until the opened task's page says that the result is in sync."""
    page.locator(".st-key-head", has_text=re.compile("in sync|已对齐", re.IGNORECASE)).wait_for(
        timeout=120_000
    )


def unfold(page: Any, name: str | re.Pattern[str]) -> None:
    """Open a fold of a task's page, where it is not open yet."""
    fold = page.locator("details", has=page.locator("summary", has_text=name))
    fold.wait_for()
    if fold.get_attribute("open") is None:
        fold.locator("summary").click()


def correct(page: Any, way: str | re.Pattern[str]) -> None:
    """Open "Not right?" and choose a way to a better result."""
    unfold(page, re.compile("Not right|不对"))
    page.get_by_role("radio", name=way).click()


def task_of(page: Any) -> str:
    """The id of the task that the address names."""
    found = re.search(r"task=([0-9a-f-]+)", page.url)
    assert found is not None, page.url
    return found.group(1)


def cells(page: Any) -> list[list[str]]:
    """The rows of the list: status, dance, song, what is said of it, when, and more columns."""
    found: list[list[str]] = page.locator(ROWS).evaluate_all(
        "rows => rows.map(row => [...['.chip', '.open', '.song', '.note', 'time'].map("
        "part => row.querySelector(part)?.textContent ?? ''),"
        " ...[...row.querySelectorAll('.extra')].map(cell => cell.textContent)])"
    )
    return found


def wait_rows(page: Any, count: int) -> list[list[str]]:
    """Wait until the list has this many rows; gives them."""
    found: list[list[str]] = until(
        page, lambda: rows if len(rows := cells(page)) == count else None, f"{count} rows"
    )
    return found


def select_row(page: Any, row: int) -> None:
    """Click the check box of a row of the list."""
    page.locator(ROWS).nth(row).locator(".pick").click()


def select_named(page: Any, name: str) -> None:
    """Click the check box of the task whose dance is called so."""
    page.get_by_role("checkbox", name=f"Select: {name}").click()


def click_row(page: Any, row: int) -> None:
    """Click the name in a row of the list."""
    page.locator(ROWS).nth(row).locator(".open").click()


def grid_cells(page: Any) -> list[list[str]]:
    """The rows in sight of a canvas table, which carries an HTML table for screen readers."""
    found: list[list[str]] = page.locator(GRID).first.evaluate(
        "canvas => [...canvas.querySelectorAll('tbody tr')].map("
        "row => [...row.querySelectorAll('td')].map(cell => cell.textContent))"
    )
    return found


def wait_grid(page: Any, count: int) -> list[list[str]]:
    """Wait until the canvas table has this many rows; gives those in sight."""
    whole = f"table[aria-rowcount='{count + 1}']"  # the line of titles counts as well
    page.locator(GRID).first.locator(whole).wait_for(state="attached")
    found: list[list[str]] = until(page, lambda: grid_cells(page), "rows", seconds=10)
    return found


def players(page: Any) -> list[dict[str, Any]]:
    """Time, mute and pause of the compare players."""
    found: list[dict[str, Any]] = page.locator(".compare video").evaluate_all(
        "videos => videos.map(v => ({time: v.currentTime, muted: v.muted, paused: v.paused,"
        " failed: !!v.error}))"
    )
    return found


SETTLED = """
() => {
  const roots = [...document.querySelectorAll('*')].map(e => e.shadowRoot).filter(Boolean);
  const filled = root => {
    const buttons = [...root.querySelectorAll('.root button')];
    return !buttons.length || buttons.some(button => button.textContent); };
  return !document.querySelector('[data-stale=true]') && roots.every(filled) &&
    document.getAnimations().every(animation => animation.playState !== 'running' ||
      animation.effect.getComputedTiming().endTime === Infinity); }
"""


def settled(page: Any) -> None:
    """Wait until the script has run, the components have their words and nothing fades."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.wait_for_function(SETTLED)


def in_the_dark(page: Any, dark: bool) -> None:
    """Wait until the page is dark or light."""
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.wait_for_function(
        "dark => (parseInt(getComputedStyle(document.querySelector('[data-testid=stApp]'))"
        ".backgroundColor.match(/\\d+/)[0]) < 128) === dark",
        arg=dark,
    )
