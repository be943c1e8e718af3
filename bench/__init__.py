"""Benchmarks beside the project's peers: `python -m bench.<engine|tracing|context|pipeline> [--quick] [--json]`."""
