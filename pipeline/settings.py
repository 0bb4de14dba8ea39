"""All settings in one typed place, from the environment (``RETRACK_…``)."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from typing import Self

from pydantic import Field

from store.settings import StoreSettings


class Settings(StoreSettings):
    """The store's settings and those of the pipeline, the runner and the page."""

    workers: int = Field(default=max(1, (os.cpu_count() or 2) // 2), ge=1)
    """Tasks that run at one time; the default is one for two cores."""
    task_timeout: float = Field(default=4 * 3600.0, gt=0)
    """The longest time one task may take (seconds)."""
    task_memory_mb: int = Field(default=3000, ge=512)
    """Address space of a task's child process (MiB); with less, not even the sample pair's task can
    load what it needs."""
    max_upload_mb: int = Field(default=4096, ge=1)
    """The largest file that is accepted (MiB); see ``for_own_files``."""
    uploads_gb_per_visitor: float = Field(default=20.0, gt=0)
    """What one visitor's uploads that are not handed in yet may come to (GiB)."""
    max_duration: float = Field(default=3 * 3600.0, gt=0)
    """The longest file that is accepted (seconds)."""
    max_streams: int = Field(default=16, ge=1)
    """The most streams that a file may have."""
    max_pixels: int = Field(default=8192 * 4320, ge=1)
    """The largest picture (width × height)."""
    max_frame_rate: float = Field(default=250.0, gt=0)
    """The highest frame rate (hertz)."""
    visibility: str = Field(default="", pattern="^(|shared|private)$")
    """shared: everyone sees all tasks; private: only their own; empty: decided by the host."""
    log_level: str = "INFO"
    """Level of the log on standard error."""

    def for_own_files(self) -> Self:
        """The same without the limit of size, for files that are on this machine already."""
        return self.model_copy(update={"max_upload_mb": sys.maxsize // 2**20})


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
