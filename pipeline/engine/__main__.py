"""``python -m pipeline.engine``: a worker for the service at the same ``RETRACK_BROKER_URL``."""

from __future__ import annotations

import os
import sys

from pipeline.child.sandbox import PRIVATE_UMASK
from pipeline.logs import set_up
from pipeline.settings import Settings
from store import SettingsError


def main() -> None:
    """Takes jobs until it is stopped; ends with a sentence when it cannot begin."""
    os.umask(PRIVATE_UMASK)  # as the server does
    try:
        settings = Settings()
        if not settings.broker_url:
            raise SettingsError("a worker needs RETRACK_BROKER_URL, the same as the service's")
        set_up(settings.log_level, settings.log_format)
        from pipeline.engine.messages import redis_of

        redis_of(settings)  # says which packages are missing, before they are imported
        from pipeline.engine.worker import run_worker

        run_worker(settings)
    except SettingsError as error:
        sys.exit(f"retrack: {error}")


if __name__ == "__main__":
    main()
