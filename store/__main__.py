"""``python -m store``: the task file for people at a terminal."""

from __future__ import annotations

import sys

from store.cli.main import main

sys.exit(main())
