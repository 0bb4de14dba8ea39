"""What a child process gives up before it touches what a user sent.

A fault in a decoder is then the fault of one process that has no network, gains no rights, and has
files, memory and processor time within limits. All of it is inherited by every ffmpeg that it
starts.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.child import landlock

FFMPEG_VARIABLE = "IMAGEIO_FFMPEG_EXE"
"""Names another ffmpeg than the one that is installed with Python's packages."""
KEPT = frozenset(
    {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", FFMPEG_VARIABLE}
    | {"LD_LIBRARY_PATH", "SYSTEMROOT"}
)
"""Names of the environment that media work needs; the service's secrets have others."""
OPEN_FILES = 256
FILE_SIZE_FACTOR = 8
"""A file that a job writes is at most so many times as large as an upload may be."""
PRIVATE_UMASK = 0o077
SYSTEM_FILES = (
    *("/usr", "/lib", "/lib64", "/lib32", "/bin", "/nix/store", "/gnu/store"),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/etc/alternatives"),
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system", "/dev/urandom"),
)
"""What programs read of the system: libraries and what the machine is; nothing of its users."""
DEVICES = ("/dev/null", "/dev/zero")

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06
"""Of the classic Berkeley packet filter, as ``linux/filter.h`` has them."""
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
"""Byte offsets in ``struct seccomp_data``."""
_X32 = 0x40000000
"""From this number on a system call is one of the x32 interface."""
_IO_URING_SETUP = 425
_ARCHITECTURES: Mapping[str, tuple[int, int]] = {
    "x86_64": (0xC000003E, 41),
    "aarch64": (0xC00000B7, 198),
}
"""By machine: the audit code of its architecture and the number of ``socket``."""


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Those variables of ``given`` that media work needs."""
    return {name: value for name, value in given.items() if name in KEPT}


def confine(
    *,
    memory_mb: int,
    cpu_seconds: float,
    upload_mb: int,
    reading: Iterable[Path] = (),
    writing: Iterable[Path] = (),
) -> None:
    """Takes from this process what decoding does not need; before any other thread is started,
    since some of it binds the thread that calls.

    Memory and upload sizes are mebibytes. ``reading`` and ``writing`` are the files and folders
    that are left to it, beside the programs' own and the place for temporary files. What the system
    cannot take is left out: limits of memory and the locks of network and files exist on Linux
    only.
    """
    os.umask(PRIVATE_UMASK)
    mebibyte = 1024 * 1024
    if sys.platform == "linux":  # elsewhere RLIMIT_AS is not honoured or breaks the loader
        _lower(resource.RLIMIT_AS, memory_mb * mebibyte)
    seconds = int(cpu_seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 30))
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES)
    _lower(resource.RLIMIT_FSIZE, FILE_SIZE_FACTOR * upload_mb * mebibyte)
    if sys.platform == "linux":
        _without_network()
    temporary = Path(tempfile.gettempdir())
    landlock.restrict([*_programs(), *reading], [*map(Path, DEVICES), temporary, *writing])


def _programs() -> list[Path]:
    """Python with its libraries and ours, ffmpeg, and what they need of the system. Our own root is
    left out: the tasks' files stand in it."""
    own = Path(__file__).resolve().parents[2]
    folders = [path for path in map(Path, sys.path) if path.resolve() != own]
    libraries = [Path(path) for path in os.environ.get("LD_LIBRARY_PATH", "").split(":") if path]
    python = [Path(path) for path in (sys.prefix, sys.base_prefix, sys.exec_prefix)]
    tools = [own / "pipeline", *map(Path, filter(None, [os.environ.get(FFMPEG_VARIABLE)]))]
    return [*map(Path, SYSTEM_FILES), *python, *folders, *libraries, *tools]


def _lower(name: int, value: int) -> None:
    _, hard = resource.getrlimit(name)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(name, (value, value))


def has_network_lock() -> bool:
    """Whether this machine can take the network from a child process."""
    return sys.platform == "linux" and platform.machine() in _ARCHITECTURES


def has_file_lock() -> bool:
    """Whether this machine can keep a child process from opening files of others."""
    return landlock.version() > 0


def _without_network() -> None:
    """No new rights, and no sockets, by a filter of system calls (seccomp(2)); ``io_uring`` would
    be a way around it. Raises ``OSError`` where the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    if not has_network_lock():
        return
    architecture, socket = _ARCHITECTURES[platform.machine()]
    denied = _FAIL | errno.EACCES
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_IF_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_JUMP_IF_GREATER_EQUAL, 2, 0, _X32),
        (_JUMP_IF_EQUAL, 1, 0, socket),
        (_JUMP_IF_EQUAL, 0, 1, _IO_URING_SETUP),
        (_RETURN, 0, 0, denied),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")
