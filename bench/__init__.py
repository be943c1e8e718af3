"""Benchmarks beside the project's peers: `python -m bench.<engine|tracing|context|pipeline> [--quick] [--json]`.

Belongs here: one module a benchmark, with what it measures, against whom, and the goal. Does not belong here: what one
side does in its own process (`bench/sides`), how it is measured (`bench/measuring.py`) and shown (`bench/report.py`).
"""
