"""The careful method: fused features, then the arrival by deconvolution."""

__all__ = ["method"]
