"""A trend says where it goes on by another yardstick."""

from collections.abc import Mapping

from eval_pipeline.analysis.trend import TrendPoint, metric_changes


def a_point(name: str, versions: Mapping[str, str] | None) -> TrendPoint:
    return TrendPoint(
        experiment=name,
        created_at="2024-01-01",
        dataset_version="d",
        context_id=None,
        target_version="t",
        variant=None,
        passed=True,
        cases=1,
        attempts=1,
        errors=0,
        pass_rate=1.0,
        low=None,
        high=None,
        score=None,
        metrics={},
        metric_versions=versions,
        p95_latency_s=None,
        cost_usd=None,
    )


def test_the_experiments_since_which_metrics_are_others_are_named_with_them() -> None:
    points = [
        a_point("a", None),
        a_point("b", {"tone": "1", "length": "1"}),
        a_point("c", {"tone": "2", "length": "1"}),
        a_point("of an earlier version", None),
        a_point("d", {"tone": "2", "length": "1"}),
        a_point("e", {"length": "2", "new": "1", "tone": "2"}),
    ]
    assert metric_changes(points) == ["c (tone)", "e (length, new)"]


def test_a_point_of_an_earlier_version_is_read() -> None:
    stored = a_point("a", None).model_dump(exclude={"metric_versions"})
    assert TrendPoint.model_validate(stored).metric_versions is None
