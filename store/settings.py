"""The store's settings, from the environment (``RETRACK_…``); the pipeline's extend these."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from files.errors import StorageError

PROJECT_ROOT = Path(__file__).resolve().parent.parent

# A century is longer than anybody means, and short enough for every clock and every sleep.
Seconds = Annotated[float, Field(gt=0, le=100 * 366 * 86400)]
Hours = Annotated[float, Field(gt=0, le=100 * 366 * 24)]
Days = Annotated[float, Field(gt=0, le=100 * 366)]
Megabytes = Annotated[float, Field(gt=0, le=1e9)]


class SettingsError(ValueError):
    """A setting that cannot be meant, in one plain sentence."""


@contextmanager
def about_storage() -> Iterator[None]:
    """A bucket that cannot be used is a setting that cannot be meant."""
    try:
        yield
    except StorageError as error:
        raise SettingsError(f"RETRACK_STORAGE_URL: {error}") from error


class StoreSettings(BaseSettings):
    """Where the task file lives and how long things are kept."""

    model_config = SettingsConfigDict(
        env_prefix="RETRACK_",
        env_ignore_empty=True,
        allow_inf_nan=False,
        frozen=True,
        extra="ignore",
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError(_sentence(error)) from None

    outputs: Path = PROJECT_ROOT / "outputs"
    """Folder of the task file, the uploads and the results; paths in the file are relative
    to its parent. ``~`` is the user's home."""
    storage_url: str = ""
    """A bucket (``s3://bucket/prefix``) that has all tasks and their files as well, so that a
    lost disk loses nothing (docs/storage.md); empty: they are on this disk alone."""
    storage_public: bool = False
    """Whether browsers reach the bucket: then players and downloads get links into it."""
    keep_hours: Hours = 24.0
    """Finished tasks older than this leave the file and the disk (hours)."""
    lock_timeout: Seconds = 10.0
    """The longest wait for the lock between processes (seconds)."""
    max_attempts: int = Field(default=3, ge=1, le=10**9)
    """How often an interrupted task is started before it fails."""
    backoff_seconds: float = Field(default=1.0, ge=0, le=86400)
    """How long an interrupted task waits before its second start (seconds); doubled each time."""
    max_backoff_seconds: Seconds = 60.0
    """The longest such wait (seconds). A ``not_before`` further ahead comes from a clock that
    was set back, and counts as due."""
    tick_seconds: Seconds = 1.0
    """How long an update with ``durable=False`` may wait for a write to ride along with
    (seconds), and how soon a failed save is tried again; then doubled each time, at most 30."""
    cleanup_seconds: Seconds = 3600.0
    """How often finished tasks are cleaned up (seconds)."""
    orphan_hours: Hours = 24.0
    """Files of ours that no task names are removed when older than this (hours)."""
    backup_seconds: float = Field(default=60.0, ge=0, le=86400)
    """The last good copy, ``task_status.json.bak``, is at most this old (seconds)."""
    backup_days: int = Field(default=7, ge=0, le=36500)
    """For how many days a daily copy is kept in ``outputs/task_backups``; 0 makes none."""
    history_days: Days = 90.0
    """How long a line stays in the history (days)."""
    history_mb: Megabytes = 10.0
    """The history starts a new file beyond this size (MB)."""

    @field_validator("outputs")
    @classmethod
    def _folder(cls, path: Path) -> Path:
        try:
            path = path.expanduser()
        except RuntimeError:
            raise ValueError("it begins with the home of a user who is not known here") from None
        if "\0" in str(path):
            raise ValueError("no folder's name holds a zero byte")
        if path.exists() and not path.is_dir():
            raise ValueError("there is a file of this name, and it should be a folder")
        if path.resolve() == Path(path.resolve().anchor):
            raise ValueError("the root of the file system is no folder for tasks")
        return path.absolute()


def _sentence(error: ValidationError) -> str:
    """What is wrong with the first setting, and what to do; never more than a line."""
    first = error.errors()[0]
    name = "RETRACK_" + "_".join(map(str, first["loc"])).upper()
    why = first["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    given = str(first["input"])[:80]
    return f"{name} cannot be {given!r}: {why}. Please correct it, or unset it for the default."
