"""Not right? Moving the music by ear, another place, or a place by hand; the sound track meant."""

__all__ = ["adjust", "candidates", "place", "tracks", "ways"]
