"""Which numbers are drawn: the trend, the spread of scores, seconds and dollars, and what changed."""

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
    """The pass rate over the experiments, the oldest first; None without two of them."""
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
    """How the attempts' scores spread over [0, 1]."""
    if not scores:
        return None
    counts, _ = np.histogram(scores, bins=20, range=(0, 1))
    return bars([int(count) for count in counts], ("0", "1"), label=f"scores of {len(scores)} attempts")


def spread(values: Sequence[float], shown: Callable[[float], str], *, label: str) -> Markup | None:
    """How seconds or dollars spread, up to the 99th percentile, with the median and the 95th marked."""
    if not values:
        return None
    found = percentiles(values)
    top = found["p99"] * 1.02 or 1.0
    # What is beyond is counted in the last bin, or one attempt that hung would press all others into the first.
    counts, _ = np.histogram(np.clip(values, 0, top), bins=_BINS, range=(0, top))
    marks = [(found[name] / top, f"{name} {shown(found[name])}") for name in ("p50", "p95")]
    apart = marks[1][0] - marks[0][0] > 0.35  # noqa: PLR2004 - as wide as the two names
    return bars(
        [int(count) for count in counts], ("0", f"≥ {shown(top)}"), marks=marks if apart else marks[1:], label=label
    )


def deltas(comparison: Comparison, *, most: int = MOST_DIFFERENCES, width: int = 820) -> Markup | None:
    """What changed: the pass rate, every assertion and slice, the clearest first; None if nothing can be compared."""
    parts = [("pass rate", comparison.pass_rate), ("score", comparison.score)]
    rest = [*comparison.metrics.items(), *comparison.slices.items()]
    clearest = sorted(rest, key=lambda pair: (pair[1].p_value, -abs(pair[1].difference)))
    found = [_interval(name, value) for name, value in [*parts, *clearest][:most] if value is not None]
    return intervals(found, width=width) if found else None


def _interval(name: str, found: Difference) -> Interval:
    low = found.difference if found.low is None else found.low
    high = found.difference if found.high is None else found.high
    return Interval(label=name, value=found.difference, low=low, high=high, look=_LOOKS[found.change])
