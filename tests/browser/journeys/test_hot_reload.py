"""After an edit, Streamlit imports a program's modules anew: the store's errors stay the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.browser.serving import ROOT, free_port
from tests.browser.steps import until

pytestmark = pytest.mark.browser

APP = """
import uuid
from pathlib import Path
import streamlit as st
import store
from store import StoreError, StoreSettings, default_store

tasks = default_store(StoreSettings(outputs=Path("outputs"))).start()
st.button("again")
imported = vars(store).setdefault("imported", uuid.uuid4().hex)  # another one at each import
try:
    tasks.update(str(uuid.uuid4()), {"x": 1})
except StoreError as error:
    st.write(f"caught by version ONE of {imported}: {error}")
"""


def test_an_error_is_caught_after_an_edit(browser: Any, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "files", tmp_path / "files")
    shutil.copytree(ROOT / "store", tmp_path / "store")
    script = tmp_path / "app.py"
    script.write_text(APP)
    port = free_port()
    command = [
        *(sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)),
        *("--server.address", "localhost", "--server.headless", "true"),
        *("--server.fileWatcherType", "poll", "--browser.gatherUsageStats", "false"),
    ]
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=log, stderr=log)
    page = browser.new_page()
    try:
        until(page, lambda: b"localhost" in (tmp_path / "log").read_bytes(), "the server")
        page.goto(f"http://localhost:{port}")
        said = page.locator("[data-testid=stMarkdown]").get_by_text("caught by version")
        said.wait_for(timeout=60_000)
        before = said.inner_text().split(" of ")[1].split(":")[0]
        script.write_text(APP.replace("ONE", "TWO"))

        def edited() -> bool:
            # Streamlit watches a module from the end of the run that imported it, and takes the
            # file as it then finds it: an edit before that is never noticed, so it is repeated.
            with (tmp_path / "store" / "clock.py").open("a") as source:
                source.write("# edited\n")
            page.get_by_role("button", name="again").click()
            page.wait_for_timeout(500)
            now = page.locator("[data-testid=stMain]").inner_text()
            return "version TWO" in now and before not in now

        until(page, edited, "the edited script with the package imported anew", seconds=60)
        assert page.locator("[data-testid=stException]").count() == 0
    finally:
        page.close()
        process.terminate()
        process.wait(timeout=30)
