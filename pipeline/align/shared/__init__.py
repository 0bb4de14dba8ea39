"""What is true whatever the method: sounds, segments, pauses, a change point. No estimator of a
place is in here: those are each method's own."""

__all__ = ["change_point", "confidence", "correlation", "feature_frames", "joints", "line_error",
           "odd_cells", "pair", "pauses", "segments", "signal", "speeds", "takes", "usable",
           "whole_dance"]  # fmt: skip
