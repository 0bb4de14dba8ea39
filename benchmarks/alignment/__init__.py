"""Accuracy and cost of the methods and of their peers: ``python -m benchmarks.alignment``."""
