"""What a gate finds in one slice, or in all cases."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One number held against a threshold."""

    passed: bool
    message: str
    observed: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    excess: float = 0.0
    """How far beyond the threshold, in its unit; the worst slice has most."""
    failing_cases: Sequence[str] = ()
