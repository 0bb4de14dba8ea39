"""The modular method: several features fused, then the first arrival by deconvolution."""

__all__ = ["method"]
