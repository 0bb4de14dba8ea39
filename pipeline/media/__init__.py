"""What a file is and what is in it: headers, packets, time stamps of pictures. Writes no result."""

__all__ = [
    "facts_note",
    "ffmpeg",
    "frame_times",
    "identical",
    "info",
    "metadata",
    "opening",
    "packets",
    "picture",
    "probe",
    "transport",
    "truncation",
]
