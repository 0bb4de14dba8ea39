"""The ten lines of docs/store.md work as they stand, in Streamlit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from store import StoreSettings, default_store
from tests.store.faults.build import HERE


def test_the_ten_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (HERE.parents[2] / "docs" / "store.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(code.splitlines()) <= 12
    monkeypatch.chdir(tmp_path)
    app = AppTest.from_string(code, default_timeout=60).run()
    assert not app.exception
    app.button[0].click().run()
    assert not app.exception
    assert list(app.dataframe[0].value["status"]) == ["success"]
    store = default_store(StoreSettings(outputs=Path("outputs")))
    assert store.snapshot().tasks[0].extra["name"] == "sort the archive"
    store.close()
