"""What a file is and what is in it: headers, packets, time stamps of pictures. Writes no result."""

__all__ = [
    "ffmpeg",
    "frame_times",
    "identical",
    "info",
    "metadata",
    "packets",
    "probe",
    "transport",
    "truncation",
]
