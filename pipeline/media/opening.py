"""How a file is opened for reading its packets, and the error for one that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import av.error
from av.container import InputContainer
from av.stream import Discard

from pipeline import memory, reasons
from pipeline.limits import Limits
from pipeline.media import ffmpeg, unopened
from pipeline.media.info import Role
from pipeline.media.packets import packets
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


def check_whole_index(path: Path, *, role: Role, settings: Limits) -> None:
    """Reads an MP4's index to its end, and none of its packets.

    Of a file in fragments that begins with a list of them, opening reads the first one only: its
    index grows while it is read, and is held here to what any index may take. Raises
    ``InputError``.
    """
    with ExitStack() as still_open:
        try:
            with memory.for_an_index():
                container = still_open.enter_context(opened(path, role=role, settings=settings))
                streams = container.streams if "mp4" in container.format.name else ()
                for stream in streams:
                    stream.discard = Discard.all
                if streams:
                    for _ in packets(container, *streams):
                        pass
        except MemoryError:
            reason, text = unopened.LARGE_INDEX
            raise refuse(reason, role, text) from None
        except av.error.FFmpegError:
            return  # damaged further on, which is found out by whoever reads it
