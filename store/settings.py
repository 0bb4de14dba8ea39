"""The store's settings, from the environment (``RETRACK_…``); the pipeline's extend these."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class StoreSettings(BaseSettings):
    """Where the task file lives and how long things are kept."""

    model_config = SettingsConfigDict(env_prefix="RETRACK_", frozen=True, extra="ignore")

    outputs: Path = PROJECT_ROOT / "outputs"
    """Folder of the task file, the uploads and the results; paths in the file are relative
    to its parent."""
    keep_hours: float = Field(default=24.0, gt=0)
    """Finished tasks older than this leave the file and the disk (hours)."""
    lock_timeout: float = Field(default=10.0, gt=0)
    """The longest wait for the lock between processes (seconds)."""
    max_attempts: int = Field(default=3, ge=1)
    """How often an interrupted task is started before it fails."""
