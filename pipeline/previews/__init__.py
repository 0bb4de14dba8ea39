"""What the page shows of a file: thumbnails, small copies, waveforms."""

__all__ = ["copies", "waveform"]
