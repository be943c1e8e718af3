"""What one side of a benchmark does, each a program of its own: it prints one JSON object as its last line.

A peer's side imports nothing of this project but `bench.sides.stopwatch`, since it runs in an environment without
it.
"""
