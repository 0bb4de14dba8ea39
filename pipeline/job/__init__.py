"""One job: two files in, an outcome out. Knows no store, no process, no page."""

__all__ = ["answer_json", "declared", "events", "model", "run", "steps", "tracks", "warnings"]
