"""A task's own page in a browser: saving, sharing, correcting."""
