"""`OverallMetric`: a number over all cases of an experiment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class OverallMetric:
    """A metric of `summary:`, or what its evaluator returned of one."""

    name: str
    score: float | None
    """None where there is no number, or something broke."""
    low: float | None = None
    """The 95 % interval, where it has one: a bootstrap over the cases."""
    high: float | None = None
    value: Any = None
    """What is not a number, such as a table of confusions or a label."""
    cases: int = 0
    comment: str = ""
    error: str | None = None
    """Why there is nothing, if something broke."""
    by_slice: Mapping[str, "OverallMetric"] = field(default_factory=dict)
    """Of built-in measures: the same for the cases of each slice."""
