"""Running the sides of a benchmark, each in a process of its own, in turns, and taking medians.

A machine's speed drifts, so ours and theirs alternate and are compared round by round.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
PEERS_PYTHON = Path(os.environ.get("BENCH_PYTHON") or REPOSITORY / ".bench-venv" / "bin" / "python")
"""The interpreter of the environment that `make bench-install` makes."""
_TIMEOUT_S = 900.0

Measured = Mapping[str, Any]
"""What one side said: `wall_s`, `cpu_s`, `peak_rss_mb`, and whatever else it counts."""


class SideError(RuntimeError):
    """A side ended in an error."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One program to be measured."""

    name: str
    module: str
    """Of `bench.sides`."""
    python: Path = Path(sys.executable)
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def installed(self) -> bool:
        """Whether it can run here."""
        return self.python.exists()

    def run(self, **arguments: Any) -> dict[str, Any]:
        """Run it once.

        Raises:
            SideError: it failed, or took longer than a quarter of an hour.
        """
        command = [str(self.python), "-m", f"bench.sides.{self.module}", json.dumps(arguments)]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **self.environment}
        try:
            done = subprocess.run(
                command,
                cwd=REPOSITORY,
                env=environment,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SideError(f"{self.name} did not end within {_TIMEOUT_S:g} s") from error
        lines = done.stdout.strip().splitlines()
        if done.returncode != 0 or not lines:
            raise SideError(f"{self.name} failed ({done.returncode}): {done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(lines[-1])
        return found


def in_turns(sides: Sequence[Side], *, rounds: int, **arguments: Any) -> dict[str, list[Measured]]:
    """What each side measured in each round; sides take turns, and every other round goes backwards."""
    found: dict[str, list[Measured]] = {side.name: [] for side in sides}
    for index in range(rounds):
        for side in sides if index % 2 == 0 else reversed(sides):
            found[side.name].append(side.run(**arguments))
    return found


def median(measured: Sequence[Measured], name: str) -> float:
    """The median of one figure."""
    return statistics.median(float(one[name]) for one in measured)


def median_ratio(ours: Sequence[Measured], theirs: Sequence[Measured], name: str) -> float:
    """The median over rounds of our figure over theirs."""
    return statistics.median(float(a[name]) / float(b[name]) for a, b in zip(ours, theirs, strict=True))
