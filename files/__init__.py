"""Where the files of tasks are besides this disk: nowhere, or in a bucket."""

__all__ = ["errors", "local", "names", "place"]
