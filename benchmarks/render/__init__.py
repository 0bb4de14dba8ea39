"""What a run costs beside a bare copy: ``python -m benchmarks.render``."""
