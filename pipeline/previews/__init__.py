"""What the page shows of a file: facts, thumbnails, small copies, waveforms."""

__all__ = ["copies", "facts", "waveform"]
