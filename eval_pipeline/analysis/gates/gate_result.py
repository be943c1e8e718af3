"""The result of a gate, for the experiment and for one slice of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class SliceResult:
    """The result of a gate for the cases of one slice, or for all cases."""

    passed: bool
    message: str
    observed: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    excess: float = 0.0
    """The distance beyond the threshold, in its unit; the worst slice has the largest."""
    failing_cases: Sequence[str] = ()
    undecided: bool = False
    """Whether nothing was observed that the gate could decide by; `passed` is then false."""


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """The result of one gate."""

    name: str
    kind: str
    """The field of `gates:` in suite.yaml."""
    slice: str | None
    action: Literal["block", "warn"]
    passed: bool
    observed: float | None
    """The observed value, of several slices that of the worst; None if there was nothing to observe."""
    low: float | None
    """The 95 % interval of the observed value, if it has one."""
    high: float | None
    threshold: float
    n: int
    """The number of attempts; of cases for `max_regression`."""
    message: str
    failing_cases: Sequence[str]
    """The cases to look at; empty if the gate is met."""
    undecided: bool = False
    """Whether it failed because nothing was observed that it could decide by."""

    @property
    def outcome(self) -> Literal["passed", "failed", "undecided"]:
        """The outcome, in a word."""
        return "passed" if self.passed else "undecided" if self.undecided else "failed"

    @property
    def blocks(self) -> bool:
        """Whether it stops downstream assets."""
        return self.action == "block" and not self.passed
