"""How a file is opened for reading its packets, and the error for one that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import av.error
from av.container import InputContainer
from av.stream import Discard

from pipeline import memory, reasons
from pipeline.limits import Limits
from pipeline.media import ffmpeg, unopened
from pipeline.media.info import MediaInfo, Role
from pipeline.media.packets import packets
from pipeline.reasons import InputError


def refuse(reason: str, role: Role, text: str, detail: str = "") -> InputError:
    """The error for the ``role``'s file: ``text`` goes on after "the dance file "."""
    return InputError(reason, f"the {role} file {text}", role=role, detail=detail)


@contextmanager
def opened(
    path: Path,
    *,
    role: Role,
    settings: Limits,
    as_stored: bool = False,
    skip_pictures: bool = False,
) -> Iterator[InputContainer]:
    """The file opened for demuxing; what libavformat says becomes an ``InputError``.

    ``as_stored`` and ``skip_pictures`` are those of ``ffmpeg.open_input``.
    """
    try:
        container = ffmpeg.open_input(
            path,
            max_streams=settings.max_streams,
            as_stored=as_stored,
            skip_pictures=skip_pictures,
        )
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


def reopened(
    path: Path, info: MediaInfo, *, settings: Limits, as_stored: bool = False
) -> AbstractContextManager[InputContainer]:
    """A file that was described, opened again for its sound or for its packets' stamps. What a
    picture is like (colours, shape) may be unknown there."""
    return opened(
        path,
        role=info.role,
        settings=settings,
        as_stored=as_stored,
        skip_pictures=info.is_mp4,
    )


def check_whole_index(path: Path, *, role: Role, settings: Limits) -> None:
    """Reads an MP4's index to its end, and none of its packets.

    Of a file in fragments that begins with a list of them, opening reads the first one only: its
    index grows while it is read, and is held here to what any index may take. Raises
    ``InputError``.
    """
    with ExitStack() as still_open:
        try:
            with memory.for_an_index():
                container = still_open.enter_context(
                    opened(path, role=role, settings=settings, skip_pictures=True)
                )
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
