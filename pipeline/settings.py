"""All settings in one typed place, from the environment (``RETRACK_…``)."""

from __future__ import annotations

import logging
import os
import re
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from pipeline.limits import GivenLimits
from store import Seconds, StoreSettings

_MEDIA = GivenLimits()
"""The defaults of what media work goes by, which are needed without pydantic too."""
_SOURCE = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Settings(StoreSettings):
    """The store's settings and those of the pipeline, the runner and the page."""

    workers: int = Field(default=max(1, (os.cpu_count() or 2) // 2), ge=1, le=256)
    """Tasks that run at one time; the default is one for two cores."""
    broker_url: str = ""
    """Redis, through which workers on this and other machines take the tasks
    (``redis://:password@host:6379/0``); empty: they run on this machine (docs/workers.md)."""
    task_timeout: Seconds = _MEDIA.task_timeout
    """The longest time one task may take (seconds)."""
    task_memory_mb: int = Field(default=_MEDIA.task_memory_mb, ge=512, le=2**30)
    """Address space of a task's child process (MiB); with less, not even the sample pair's task can
    load what it needs."""
    max_upload_mb: int = Field(default=_MEDIA.max_upload_mb, ge=1, le=2**40)
    """The largest file that is accepted (MiB); not of the command line (``for_own_files``)."""
    uploads_gb_per_visitor: float = Field(default=20.0, gt=0, le=1e9)
    """What one visitor's uploads may come to (GiB): those that are not handed in yet, and those of
    tasks that wait or run."""
    uploads_per_visitor: int = Field(default=200, ge=1, le=1_000_000)
    """Uploads of one visitor that are not handed in yet: a whole class has fewer films."""
    uploads_in_all: int = Field(default=2000, ge=1, le=1_000_000)
    """The same of all visitors together; of this and all that everybody has together, the visitors
    of one network (an address of IPv4) have half at most."""
    uploads_disk_share: float = Field(default=0.5, gt=0, le=1)
    """Of what the disk has for uploads and results, for the uploads of all visitors, handed in or
    not. Results need the rest."""
    waiting_per_visitor: int = Field(default=200, ge=1, le=1_000_000)
    """Tasks of one visitor that wait for their turn."""
    waiting_in_all: int = Field(default=2000, ge=1, le=1_000_000)
    """The same of everybody."""
    tasks_per_visitor: int = Field(default=1000, ge=1, le=1_000_000)
    """Tasks of one visitor in the task file, finished ones included: each write of it takes longer
    for every task that is in it, for everybody."""
    tasks_in_all: int = Field(default=10_000, ge=1, le=1_000_000)
    """The same of everybody."""
    connections_per_address: int = Field(default=500, ge=10, le=1_000_000)
    """Open connections of one address; a class behind one has two hundred."""
    max_duration: Seconds = _MEDIA.max_duration
    """The longest file that is accepted (seconds)."""
    max_streams: int = Field(default=_MEDIA.max_streams, ge=1, le=10_000)
    """The most streams that a file may have."""
    max_pixels: int = Field(default=_MEDIA.max_pixels, ge=1, le=2**31)
    """The largest picture (width × height)."""
    max_frame_rate: float = Field(default=_MEDIA.max_frame_rate, gt=0, le=1e6)
    """The highest frame rate (hertz)."""
    keep_place: bool = _MEDIA.keep_place
    """Whether a result says where the dance was filmed, as the dance does."""
    visibility: Literal["", "shared", "private"] = ""
    """shared: everyone sees all tasks; private: only their own; empty: shared
    until a request is not of this machine."""
    public_url: str = ""
    """The page's address for visitors behind a proxy that sends another Host; of it only the
    origin is kept, as browsers send it (``https://retrack.example``)."""
    framed_by: str = ""
    """Other sites that may show the page in a frame: origins such as ``https://class.example`` or
    ``https://*.example``, separated by spaces."""
    operators: str = ""
    """Logins that see the health page, separated by commas: an e-mail address that the provider
    has verified, or the provider's ``iss`` and ``sub`` with a space between."""
    log_level: str = "INFO"
    """Level of the log on standard error."""
    log_format: Literal["text", "json"] = "text"
    """json: an object a line, with task, attempt and stage."""
    metrics: bool = False
    """Whether ``metrics`` answers to everybody, not to this machine alone."""

    @field_validator("log_level")
    @classmethod
    def _level(cls, name: str) -> str:
        known = logging.getLevelNamesMapping()
        if name.upper() not in known:
            raise ValueError(f"it should be one of {', '.join(known)}")
        return name.upper()

    @field_validator("framed_by")
    @classmethod
    def _as_sources(cls, given: str) -> str:
        """What a Content-Security-Policy takes; raises ValueError."""
        for one in given.split():
            if not _SOURCE.fullmatch(one):
                raise ValueError(f"{one!r} is no origin such as https://class.example")
        return " ".join(given.split())

    @field_validator("public_url")
    @classmethod
    def _as_origin(cls, given: str) -> str:
        """Scheme, name and, unless it is the scheme's own, the port; raises ValueError."""
        if not given.strip():
            return ""
        parts = urlsplit(given.strip().lower())
        port = _DEFAULT_PORTS.get(parts.scheme)
        if port is None or not parts.hostname or "@" in parts.netloc:
            raise ValueError("give the page's whole address, such as https://retrack.example")
        return f"{parts.scheme}://{parts.netloc.removesuffix(f':{port}')}"


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
