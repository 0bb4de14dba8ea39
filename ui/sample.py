"""The sample pair: drawn once by our own script, in a child, and kept."""

from __future__ import annotations

import logging
from pathlib import Path

from pipeline.child import call
from ui.service import Service

log = logging.getLogger(__name__)

TIMEOUT = 300.0


def sample_pair(service: Service) -> tuple[Path, Path] | None:
    """The two files, made when they are not there yet; None when they cannot be made."""
    folder = service.settings.outputs / "sample"
    found = _find(folder)
    if found is not None:
        return found
    folder.mkdir(parents=True, exist_ok=True)
    result = call("sample", {"folder": str(folder)}, timeout=TIMEOUT)
    if result.outcome is None:
        log.error("cannot make the sample pair: %s\n%s", result.text, result.detail)
        return None
    return _find(folder)


def _find(folder: Path) -> tuple[Path, Path] | None:
    pair = [next(iter(sorted(folder.glob(f"{role}.*"))), None) for role in ("dance", "reference")]
    dance, reference = pair
    return (dance, reference) if dance is not None and reference is not None else None
