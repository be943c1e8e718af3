"""The charts of the report: trend, histograms of scores, seconds and dollars, and differences to the baseline."""

from collections.abc import Callable, Sequence

import numpy as np
from markupsafe import Markup

from eval_pipeline.analysis.comparison.comparison import Comparison, Difference
from eval_pipeline.analysis.report.drawing import Dot, Interval, bars, intervals, line
from eval_pipeline.analysis.statistics.estimate import percentiles
from eval_pipeline.analysis.trend import TrendPoint

MOST_DIFFERENCES = 24
_BINS = 30
_LOOKS = {"improved": "good", "regressed": "bad", "unchanged": "even"}


def trend(points: Sequence[TrendPoint], *, width: int = 820, height: int = 180) -> Markup | None:
    """The pass rate of each experiment, oldest first; None with fewer than two."""
    dots = [
        Dot(
            label=f"{point.experiment} · {point.created_at[:16]} · {point.pass_rate:.1%} of {point.attempts} attempts",
            value=point.pass_rate,
            low=point.pass_rate if point.low is None else point.low,
            high=point.pass_rate if point.high is None else point.high,
            good=point.passed,
        )
        for point in points
        if point.pass_rate is not None
    ]
    return line(dots, width=width, height=height) if len(dots) > 1 else None


def score_spread(scores: Sequence[float]) -> Markup | None:
    """A histogram of the attempts' scores in [0, 1]."""
    if not scores:
        return None
    counts, _ = np.histogram(scores, bins=20, range=(0, 1))
    return bars([int(count) for count in counts], ("0", "1"), label=f"scores of {len(scores)} attempts")


def spread(values: Sequence[float], shown: Callable[[float], str], *, label: str) -> Markup | None:
    """A histogram of seconds or dollars up to the 99th percentile, with marks at the 50th and the 95th."""
    if not values:
        return None
    at = percentiles(values)
    top = at["p99"] * 1.02 or 1.0
    # Larger values go into the last bin: one attempt that hung would squeeze all others into the first.
    counts, _ = np.histogram(np.clip(values, 0, top), bins=_BINS, range=(0, top))
    marks = [(at[name] / top, f"{name} {shown(at[name])}") for name in ("p50", "p95")]
    apart = marks[1][0] - marks[0][0] > 0.35  # noqa: PLR2004 - as wide as the two names
    return bars(
        [int(count) for count in counts], ("0", f"≥ {shown(top)}"), marks=marks if apart else marks[1:], label=label
    )


def deltas(comparison: Comparison, *, most: int = MOST_DIFFERENCES, width: int = 820) -> Markup | None:
    """The differences of the pass rate, assertions and slices, the clearest first; None if nothing can be compared."""
    parts = [("pass rate", comparison.pass_rate), ("score", comparison.score)]
    rest = [*comparison.metrics.items(), *comparison.slices.items()]
    clearest = sorted(rest, key=lambda pair: (pair[1].p_value, -abs(pair[1].difference)))
    rows = [_interval(name, value) for name, value in [*parts, *clearest][:most] if value is not None]
    return intervals(rows, width=width) if rows else None


def _interval(name: str, measured: Difference) -> Interval:
    low = measured.difference if measured.low is None else measured.low
    high = measured.difference if measured.high is None else measured.high
    return Interval(label=name, value=measured.difference, low=low, high=high, look=_LOOKS[measured.change])
