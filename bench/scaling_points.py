"""The recorded figures of measured runs, and the predictions of the model for them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval_pipeline.scaling.scenario import Scenario

POINTS = Path(__file__).with_suffix(".json")
TOLERANCE = 0.25
"""Relative to the measured seconds: on a busy machine starting takes three times as long as on an idle one."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """A measured run."""

    name: str
    description: str
    given: Mapping[str, Any]
    """The inputs of the model; none was fitted to this run."""
    measured_s: float
    measured: str
    """The date, and the load of the machine."""

    @property
    def predicted_s(self) -> float:
        """The prediction of the model."""
        given = {name: value for name, value in self.given.items() if name != "cases"}
        return Scenario.of(given).estimate(int(self.given["cases"])).prediction.duration_s

    @property
    def ratio(self) -> float:
        """Predicted seconds divided by measured seconds."""
        return self.predicted_s / self.measured_s

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.description}: predicted {self.predicted_s:.1f} s, measured {self.measured_s:.1f} s, "
            f"ratio {self.ratio:.2f} ({self.measured})"
        )


def read_points() -> list[Point]:
    """The recorded runs."""
    return [Point(**point) for point in json.loads(POINTS.read_text())]
