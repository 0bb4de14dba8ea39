"""A third method is one more line: it runs through job, record and the page's rows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.ui import with_third_method


def test_a_third_method_is_one_more_line(sample_pair: tuple[Path, Path], tmp_path: Path) -> None:
    outputs = tmp_path / "project" / "outputs"
    outputs.mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, with_third_method.__file__, *map(str, sample_pair)],
        check=False,
        capture_output=True,
        text=True,
        cwd=with_third_method.ROOT,
        env={
            **os.environ,
            "RETRACK_OUTPUTS": str(outputs),
            "RETRACK_VISIBILITY": "shared",
            "PYTHONPATH": str(with_third_method.ROOT),
        },
        timeout=300,
    )
    assert done.stdout.endswith("a third method ran\n"), done.stderr
