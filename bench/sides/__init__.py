"""What one side of a benchmark does, each a program of its own: it prints one JSON object as its last line.

Belongs here: our side and those of peers, as a reader of their documentation would write them. A peer's side imports
nothing of this project but `bench.sides.stopwatch`, since it runs in an environment without it. Does not belong here:
who is compared with whom.
"""
