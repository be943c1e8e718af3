"""Runs that were measured, as they were recorded, and what the model says of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval_pipeline.scaling.assuming import Assumed

POINTS = Path(__file__).with_suffix(".json")
TOLERANCE = 0.25
"""Of the measured seconds: on a busy machine starting takes three times as long as on a quiet one."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One run."""

    name: str
    says: str
    given: Mapping[str, Any]
    """What the model is told of it; nothing of it was fitted to this run."""
    measured_s: float
    measured: str
    """When, and how busy the machine was."""

    @property
    def predicted_s(self) -> float:
        """What the model says."""
        given = {name: value for name, value in self.given.items() if name != "cases"}
        return Assumed.of(given).expected(int(self.given["cases"])).found.duration_s

    @property
    def ratio(self) -> float:
        """Predicted over measured."""
        return self.predicted_s / self.measured_s

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.says}: predicted {self.predicted_s:.1f} s, measured {self.measured_s:.1f} s, "
            f"ratio {self.ratio:.2f} ({self.measured})"
        )


def read_points() -> list[Point]:
    """Those that were recorded."""
    return [Point(**found) for found in json.loads(POINTS.read_text())]
