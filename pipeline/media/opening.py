"""How a file is opened for reading its packets, and the error for one that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av.error
from av.container import InputContainer

from pipeline import reasons
from pipeline.limits import Limits
from pipeline.media import ffmpeg, unopened
from pipeline.media.info import Role
from pipeline.reasons import InputError


def refuse(reason: str, role: Role, text: str, detail: str = "") -> InputError:
    """The error for the ``role``'s file: ``text`` goes on after "the dance file "."""
    return InputError(reason, f"the {role} file {text}", role=role, detail=detail)


@contextmanager
def opened(
    path: Path, *, role: Role, settings: Limits, as_stored: bool = False
) -> Iterator[InputContainer]:
    """The file opened for demuxing, an MP4 ``as_stored`` without its edit lists; what libavformat
    says becomes an ``InputError``."""
    try:
        container = ffmpeg.open_input(path, max_streams=settings.max_streams, as_stored=as_stored)
    except MemoryError:
        reason, text = unopened.lacking_memory(path, settings.max_streams)
        raise refuse(reason, role, text) from None
    except av.error.FileNotFoundError:
        raise refuse(reasons.MISSING_FILE, role, f"is missing: {path.name}") from None
    except (av.error.FFmpegError, ValueError) as error:
        reason, text = unopened.unknown(path)
        raise refuse(reason, role, text, detail=str(error)) from error
    try:
        yield container
    finally:
        container.close()
