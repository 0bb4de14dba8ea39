"""What a file is and what is in it: headers, time stamps, samples. Writes no result."""

__all__ = [
    "decode",
    "ffmpeg",
    "frame_times",
    "identical",
    "info",
    "packets",
    "probe",
    "timestamps",
    "transport",
    "truncation",
]
