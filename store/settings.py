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
    backoff_seconds: float = Field(default=1.0, ge=0)
    """How long an interrupted task waits before its second start (seconds); doubled each time."""
    max_backoff_seconds: float = Field(default=60.0, gt=0)
    """The longest such wait (seconds). A ``not_before`` further ahead comes from a clock that
    was set back, and counts as due."""
    tick_seconds: float = Field(default=1.0, gt=0)
    """How long an update with ``durable=False`` may wait for a write to ride along with
    (seconds)."""
    retry_seconds: float = Field(default=1.0, gt=0)
    """How soon a failed save is tried again (seconds); doubled each time, at most 30."""
    cleanup_seconds: float = Field(default=3600.0, gt=0)
    """How often finished tasks are cleaned up (seconds)."""
    orphan_hours: float = Field(default=24.0, gt=0)
    """Files under ``outputs/`` that no task names are removed when older than this (hours)."""
    backup_seconds: float = Field(default=60.0, ge=0)
    """The last good copy, ``task_status.json.bak``, is at most this old (seconds)."""
    backup_days: int = Field(default=7, ge=0)
    """For how many days a daily copy is kept in ``outputs/task_backups``; 0 makes none."""
    history_days: float = Field(default=90.0, gt=0)
    """How long a line stays in the history (days)."""
    history_mb: float = Field(default=10.0, gt=0)
    """The history starts a new file beyond this size (MB)."""
    max_finished: int = Field(default=2000, ge=1)
    """At most this many finished tasks stay in the file; older ones move to the history."""
    max_finished_mb: float = Field(default=5.0, gt=0)
    """The oldest finished tasks move to the history while the file is larger than this (MB)."""
    heartbeat_seconds: float = Field(default=30.0, gt=0)
    """How often a process shows other machines that it is alive (seconds)."""
    stale_seconds: float = Field(default=90.0, gt=0)
    """After how long without a sign a process on another machine counts as dead (seconds)."""
