"""The last experiments of a suite, one small document each, so that a trend is read without reading experiments."""

from collections.abc import Mapping

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
    dataset_version: str
    context_id: str | None
    target_version: str
    variant: str | None
    passed: bool
    """Whether its blocking gates passed."""
    cases: int
    attempts: int
    errors: int
    pass_rate: float | None
    low: float | None
    high: float | None
    score: float | None
    metrics: Mapping[str, float]
    p95_latency_s: float | None
    cost_usd: float | None


def point_of(record: ExperimentRecord, summary: Summary, *, passed: bool) -> TrendPoint:
    """The point of an experiment."""
    rate = summary.pass_rate
    return TrendPoint(
        **record.model_dump(
            include={"experiment", "created_at", "dataset_version", "context_id", "target_version", "variant"}
        ),
        passed=passed,
        cases=summary.cases,
        attempts=summary.attempts,
        errors=summary.status_counts.get("error", 0),
        pass_rate=None if rate is None else rate.mean,
        low=None if rate is None else rate.low,
        high=None if rate is None else rate.high,
        score=None if summary.score is None else summary.score.mean,
        metrics={name: found.mean for name, found in summary.metrics.items()},
        p95_latency_s=summary.latency_s.get("p95"),
        cost_usd=summary.cost_usd,
    )


def write_point(store: Store, suite: str, point: TrendPoint) -> None:
    """Keep the point; of several summaries of an experiment the last counts."""
    store.put(trend_key(suite, point.created_at, point.experiment), point.model_dump_json().encode())


def read_points(
    store: Store,
    suite: str,
    *,
    last: int,
    before: ExperimentRecord | None = None,
    since: str | None = None,
    passed: bool | None = None,
) -> list[TrendPoint]:
    """The last points, the newest first.

    Args:
        store: where they are.
        suite: whose they are.
        last: at most so many.
        before: only those before this experiment, whose own is not among them.
        since: only those that began then, ISO 8601, or later.
        passed: only those that did, or did not; all by default.
    """
    keys = list(store.list(trend_prefix(suite)))
    if before is not None:
        own = trend_key(suite, before.created_at, before.experiment)
        # Of experiments that began within the same second any order is as good.
        keys = [key for key in keys if key != own and _moment(key) <= _moment(own)]
    if since is not None:
        keys = [key for key in keys if _moment(key) >= _moment(trend_key(suite, since, ""))]
    found: list[TrendPoint] = []
    for key in sorted(keys, reverse=True):
        if len(found) == last:
            break
        point = _read(store, key)
        if point is not None and passed in (None, point.passed):
            found.append(point)
    return found


def _moment(key: str) -> str:
    return key.rpartition("/")[2].partition("_")[0]


def _read(store: Store, key: str) -> TrendPoint | None:
    data = store.get(key)
    try:
        return None if data is None else TrendPoint.model_validate_json(data)
    except ValidationError as error:
        raise CorruptDataError(
            f"{store.uri(key)} cannot be read as a point of a trend",
            fix="delete it, or summarize that experiment again",
        ) from error
