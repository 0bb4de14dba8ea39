"""The sample pair: drawn once by our own script, in a child, and kept."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
from pathlib import Path

from pipeline.child import call
from ui.service import Service

log = logging.getLogger(__name__)

TIMEOUT = 300.0
_DRAWING = threading.Lock()
"""One viewer draws, the others wait for it."""


def sample_pair(service: Service) -> tuple[Path, Path] | None:
    """The two files, made when they are not there yet; None when they cannot be made."""
    folder = service.settings.outputs / "sample"
    with _DRAWING:
        return _find(folder) or _draw(service, folder)


def _draw(service: Service, folder: Path) -> tuple[Path, Path] | None:
    # Drawn elsewhere and renamed, so that a pair that stands there is whole.
    service.settings.outputs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".sample-", dir=service.settings.outputs) as part:
        result = call("sample", {"folder": part}, timeout=TIMEOUT)
        if result.outcome is None:
            log.error("cannot make the sample pair: %s\n%s", result.text, result.detail)
            return None
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(part, folder.with_name(f"{folder.name}.whole"), dirs_exist_ok=True)
        folder.with_name(f"{folder.name}.whole").replace(folder)
    return _find(folder)


def _find(folder: Path) -> tuple[Path, Path] | None:
    pair = [next(iter(sorted(folder.glob(f"*{role}.*"))), None) for role in ("dance", "reference")]
    dance, reference = pair
    return (dance, reference) if dance is not None and reference is not None else None
