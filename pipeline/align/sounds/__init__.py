"""Two sounds as numbers: windows, frames, features of a frame, correlation, a change of balance."""

__all__ = ["change_point", "correlation", "feature_frames", "fourier", "line_error", "odd_cells",
           "pair", "signal", "speeds"]  # fmt: skip
