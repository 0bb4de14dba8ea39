"""What the service and its workers have in common: the broker, the queue and its times.

A run is one attempt at a task, sent once; RQ's job of the same name carries it. In the job's
``meta`` the worker keeps what it has reported: ``events``, of which the last may be the end, and
the latest ``progress``. RQ renews ``last_heartbeat`` while the worker lives.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from pipeline.child.supervise import ROOT
from store import SettingsError

if TYPE_CHECKING:
    from pipeline.settings import Settings

HEARTBEAT_SECONDS = 3
"""Between two signs of life of a worker."""
DEAD_SECONDS = 15.0
"""So long without a sign of life a worker counts as dead: four in a row were missed."""
KEPT_SECONDS = 86400
"""How long Redis keeps a run that ended while no service looked."""

SENT = "data"
"""The field of RQ's job that only the service writes: without it the run is forgotten, whatever RQ
or the worker has written since."""


def code_version() -> str:
    """Twelve letters that change with any line of the pipeline."""
    found = hashlib.sha256()
    for file in sorted((ROOT / "pipeline").rglob("*.py")):
        found.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:12]


QUEUE_PREFIX = "retrack-"


def queue_name() -> str:
    """Of this version of the code: a worker takes only what its own version has sent."""
    return QUEUE_PREFIX + code_version()


def call_queues() -> dict[bool, str]:
    """The queues of the page's calls, of the quick ones and of others: each worker takes one of
    both beside its job, so that a look at a file waits for neither a task nor a film's copy."""
    return {True: f"looks-{queue_name()}", False: f"copies-{queue_name()}"}


def redis_of(settings: Settings, **options: Any) -> Any:
    """A client of the broker; raises ``SettingsError`` without the packages or for a wrong URL."""
    try:
        import rq  # noqa: F401
        from redis import Redis
    except ImportError:
        raise SettingsError(
            "RETRACK_BROKER_URL needs more packages: pip install -r requirements-workers.txt"
        ) from None
    try:
        return Redis.from_url(
            settings.broker_url,
            socket_keepalive=True,
            socket_connect_timeout=5,
            health_check_interval=10,
            **options,
        )
    except ValueError as error:
        raise SettingsError(f"RETRACK_BROKER_URL: {error}") from None
