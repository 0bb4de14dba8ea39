"""What the page costs: script runs, viewers, memory of uploads, seeks and downloads.

``python -m benchmarks.dashboard`` prints the table of docs/benchmarks-dashboard.md.
"""
