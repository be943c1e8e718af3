"""The trend of a suite: one small document an experiment, so that a trend is read without reading results."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from eval_pipeline.analysis.summary import Summary
from eval_pipeline.errors import CorruptDataError
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.store.layout import trend_key, trend_prefix
from eval_pipeline.store.store import Store


class TrendPoint(BaseModel):
    """One experiment in a trend."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    experiment: str
    created_at: str
    order: int = 0
    """As `ExperimentRecord.order`."""
    dataset_version: str
    context_id: str | None
    target_version: str
    variant: str | None
    passed: bool
    """Whether it met its blocking gates."""
    cases: int
    attempts: int
    errors: int
    pass_rate: float | None
    low: float | None
    high: float | None
    score: float | None
    metrics: Mapping[str, float]
    metric_versions: Mapping[str, str] | None = None
    """Of the suite's assertions; None in points of earlier versions."""
    p95_latency_s: float | None
    cost_usd: float | None


def point_of(record: ExperimentRecord, summary: Summary, *, passed: bool) -> TrendPoint:
    """The point of an experiment."""
    rate = summary.pass_rate
    return TrendPoint(
        **record.model_dump(
            include={
                *("experiment", "created_at", "order", "dataset_version", "context_id", "target_version", "variant")
            }
        ),
        passed=passed,
        cases=summary.cases,
        attempts=summary.attempts,
        errors=summary.status_counts.get("error", 0),
        pass_rate=None if rate is None else rate.mean,
        low=None if rate is None else rate.low,
        high=None if rate is None else rate.high,
        score=None if summary.score is None else summary.score.mean,
        metrics={name: metric.mean for name, metric in summary.metrics.items()},
        metric_versions=record.metrics,
        p95_latency_s=summary.latency_s.get("p95"),
        cost_usd=summary.cost_usd,
    )


def metric_changes(points: Sequence[TrendPoint]) -> list[str]:
    """The experiments in which metrics of a trend changed, oldest first, each with their names."""
    changes: list[str] = []
    before: Mapping[str, str] | None = None
    for point in points:
        now = point.metric_versions
        if now is not None and before is not None and now != before:
            names = sorted(name for name in {*now, *before} if now.get(name) != before.get(name))
            changes.append(f"{point.experiment} ({', '.join(names)})")
        before = now if now is not None else before
    return changes


def write_point(store: Store, suite: str, point: TrendPoint) -> None:
    """Store the point of an experiment; it replaces an earlier one."""
    key = trend_key(suite, point.experiment, order=point.order, created_at=point.created_at)
    store.put(key, point.model_dump_json().encode())


def read_points(
    store: Store,
    suite: str,
    *,
    last: int,
    before: ExperimentRecord | None = None,
    passed: bool | None = None,
    oldest_first: bool = False,
) -> list[TrendPoint]:
    """The latest points, newest first, or the earliest, oldest first.

    Args:
        store: where they are stored.
        suite: the name of the suite.
        last: the most points returned.
        before: only experiments before this one.
        passed: only experiments that passed, or only those that did not; all by default.
        oldest_first: begin with the earliest.
    """
    keys = list(store.list(trend_prefix(suite)))
    if before is not None:
        own = trend_key(suite, before.experiment, order=before.order, created_at=before.created_at)
        # Of experiments without an order, those that began in the same second are before each other.
        keys = [key for key in keys if key != own and _place_of(key) <= _place_of(own)]
    points: list[TrendPoint] = []
    for key in sorted(keys, reverse=not oldest_first):
        if len(points) == last:
            break
        point = _read(store, key)
        if point is not None and passed in (None, point.passed):
            points.append(point)
    return points


def _place_of(key: str) -> str:
    return key.rpartition("/")[2].partition("_")[0]


def _read(store: Store, key: str) -> TrendPoint | None:
    data = store.get(key)
    try:
        return None if data is None else TrendPoint.model_validate_json(data)
    except ValidationError as error:
        raise CorruptDataError(
            f"{store.uri(key)} is not a readable point of a trend",
            fix="delete it, or summarize that experiment again",
        ) from error
