"""What is true whatever the method: takes, segments, pauses, joints. No estimator of a place is in
here: those are each method's own."""

__all__ = ["confidence", "joints", "pauses", "segments", "takes", "usable", "whole_dance"]
