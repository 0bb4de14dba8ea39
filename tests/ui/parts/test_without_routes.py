"""What the page shows on a host that serves no routes of ours, and that one place decides it."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.test_page import DONE, RECORDS, ROOT, opened, outputs, words
from ui.service import get_service

__all__ = ["outputs"]


def test_one_module_asks_whether_there_are_routes() -> None:
    asking = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "ui").glob("**/*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and (node.attr, getattr(node.value, "id", "")) == ("routes", "service")
    }
    assert asking == {"ui/service.py", "ui/parts/without_routes.py"}


@pytest.fixture
def done(
    outputs: Path, sample_pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Path]:
    """The files of a finished task."""
    files = {
        "original": outputs / "uploads" / DONE / f"dance{sample_pair[0].suffix}",
        "v2": outputs / "results" / DONE / f"v2{sample_pair[0].suffix}",
    }
    for path in files.values():
        path.parent.mkdir(parents=True)
        path.write_bytes(sample_pair[0].read_bytes())
    names = {kind: f"outputs/{path.relative_to(outputs)}" for kind, path in files.items()}
    record = {"dance_file": names["original"], "v2_output": names["v2"], "v2_status": "success"}
    monkeypatch.setitem(RECORDS, DONE, {**RECORDS[DONE], **record})
    return files


def test_a_result_plays_and_is_downloaded(outputs: Path, done: dict[str, Path]) -> None:
    page = opened(outputs, DONE)
    assert not get_service().routes
    assert len(page.get("video")) == 1
    [save] = page.get("download_button")
    assert save.proto.label == "Save video"
    page.session_state[f"stock-{DONE}"] = "original"
    page.run()
    assert len(page.get("video")) == 1
    assert not page.exception and "could not be shown" not in words(page)


def test_a_nudge_is_saved_without_a_preview(outputs: Path, done: dict[str, Path]) -> None:
    page = opened(outputs, DONE)
    page.session_state["fold.open"] = {f"fix-{DONE}"}
    page.run()
    [nudge] = [one for one in page.slider if (one.key or "").startswith("adjust.nudge-")]
    nudge.set_value(100).run()
    page.button(key="adjust.save").click().run()
    record = json.loads((outputs / "task_status.json").read_text())[DONE]
    assert record["adjust"]["options"]["nudge_ms"] == 100


def test_files_are_handed_in_by_the_stock_uploaders(
    outputs: Path, sample_pair: tuple[Path, Path]
) -> None:
    page = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60).run()
    for uploader, path in zip(page.file_uploader, sample_pair, strict=True):
        uploader.set_value((path.name, path.read_bytes(), "video/mp4"))
    page.run()
    page.button(key="upload.start").click().run()
    assert not page.exception
    [record] = json.loads((outputs / "task_status.json").read_text()).values()
    assert record["dance_name"] == sample_pair[0].name
    assert record["reference_name"] == sample_pair[1].name


def test_the_operator_reads_that_files_pass_through_memory(outputs: Path) -> None:
    def script() -> None:
        from ui.pages.health import show_health
        from ui.parts.viewer import Viewer
        from ui.service import start_service

        service = start_service(routes=False, address="localhost")
        show_health(service, Viewer(None, "nothing", operator=True))

    assert "does not serve our own routes" in words(AppTest.from_function(script).run(timeout=60))
