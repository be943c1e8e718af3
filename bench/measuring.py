"""Run the sides of a benchmark in turns, each in a process of its own, and take medians.

The speed of a machine drifts, so sides alternate, and are compared round by round.
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
"""The interpreter of the environment of `make bench-install`."""
_TIMEOUT_S = 900.0

Measured = Mapping[str, Any]
"""The figures of one side: `wall_s`, `cpu_s`, `peak_rss_mb`, and others that it counts."""


class SideError(RuntimeError):
    """A side failed."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """A program that is measured."""

    name: str
    module: str
    """The name of a module of `bench.sides`."""
    python: Path = Path(sys.executable)
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def installed(self) -> bool:
        """Whether its interpreter exists."""
        return self.python.exists()

    def run(self, **arguments: Any) -> dict[str, Any]:
        """Run it once.

        Raises:
            SideError: it failed, or took longer than 15 minutes.
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
        measured: dict[str, Any] = json.loads(lines[-1])
        return measured


def in_turns(sides: Sequence[Side], *, rounds: int, **arguments: Any) -> dict[str, list[Measured]]:
    """The figures of each side in each round; sides take turns, in reverse order every other round."""
    measured: dict[str, list[Measured]] = {side.name: [] for side in sides}
    for index in range(rounds):
        for side in sides if index % 2 == 0 else reversed(sides):
            measured[side.name].append(side.run(**arguments))
    return measured


def median(measured: Sequence[Measured], name: str) -> float:
    """The median of one figure."""
    return statistics.median(float(one[name]) for one in measured)


def median_ratio(ours: Sequence[Measured], theirs: Sequence[Measured], name: str) -> float:
    """The median over rounds of the ratio of our figure to theirs."""
    return statistics.median(float(a[name]) / float(b[name]) for a, b in zip(ours, theirs, strict=True))
