"""The sample pair: drawn once by our own script, in a child, and kept."""

from __future__ import annotations

import logging
import tempfile
import threading
from pathlib import Path

from pipeline.child.supervise import call
from ui.service import Service

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 300.0
_DRAWING = threading.Lock()
"""One viewer draws, the others wait for it."""


def sample_pair(service: Service) -> tuple[Path, Path] | None:
    """The two files, made when they are not there yet; None when they cannot be made."""
    folder = service.settings.outputs / "sample"
    with _DRAWING:
        return _find(folder) or _draw(service, folder)


def _draw(service: Service, folder: Path) -> tuple[Path, Path] | None:
    # Drawn elsewhere and renamed, so that a file that stands there is whole.
    service.settings.outputs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".sample-", dir=service.settings.outputs) as part:
        result = call("sample", {"folder": part}, timeout=TIMEOUT_SECONDS)
        if result.outcome is None:
            log.error("cannot make the sample pair: %s\n%s", result.text, result.detail)
            return None
        folder.mkdir(exist_ok=True)
        for file in Path(part).iterdir():  # and nothing else goes that somebody has there
            file.replace(folder / file.name)
    return _find(folder)


def _find(folder: Path) -> tuple[Path, Path] | None:
    dance, reference = folder / "sample_dance.mp4", folder / "sample_reference.m4a"
    return (dance, reference) if dance.is_file() and reference.is_file() else None
