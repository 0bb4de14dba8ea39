"""The tasks' state and its file. Depends on nothing else of the project."""
