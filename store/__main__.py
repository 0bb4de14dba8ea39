"""``python -m store``: the task file for people at a terminal."""

from __future__ import annotations

import os
import sys

from store.cli.main import main

os.umask(0o077)  # what it writes is its user's alone, as what the server writes
sys.exit(main())
