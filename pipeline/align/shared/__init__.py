"""What is true whatever the method: sounds, segments, pauses, a change point. No estimator of a
place is in here: those are each method's own."""

__all__ = [
    "change_point",
    "confidence",
    "echoes",
    "feature_frames",
    "hint",
    "joints",
    "pair",
    "pauses",
    "segments",
    "signal",
    "speeds",
    "usable",
    "whole_dance",
]
