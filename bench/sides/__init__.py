"""The sides of benchmarks, each a program that prints one JSON object as its last line.

Sides of peers import only `bench.sides.stopwatch` of this project: their environment does not have the package.
"""
