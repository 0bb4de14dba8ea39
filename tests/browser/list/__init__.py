"""The list of tasks in a browser: live, acted on, however many there are."""
