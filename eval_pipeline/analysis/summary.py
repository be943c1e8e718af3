"""Summarize an experiment from its rows."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any

import pyarrow as pa

from eval_pipeline.analysis.case_values import (
    ByCase,
    Row,
    assertions_of,
    attempts_made,
    cases_of_metrics,
    label_shares,
    lost_scores,
    score_of_row,
    scores_by_metric,
    total_cost,
    undecided_metrics,
    usage_by_role,
    values_by_case,
    values_by_metric,
    verdict_of_row,
    verdicts_by_case,
)
from eval_pipeline.analysis.costs import CostsByName, costs_of
from eval_pipeline.analysis.overall.overall_metric import OverallMetric
from eval_pipeline.analysis.slices import slices_of
from eval_pipeline.analysis.statistics.distribution import Distribution, distribution
from eval_pipeline.analysis.statistics.estimate import Estimate, estimate, percentiles
from eval_pipeline.analysis.statistics.pass_at_k import flakiness, pass_at_k, pass_hat_k
from eval_pipeline.suite.dataset.stored import CaseFacts

SUMMARY_COLUMNS = [
    "case_id",
    "attempt",
    "split",
    "tags",
    "status",
    "score",
    "assertions",
    "latency_s",
    "tokens",
    "cost_usd",
    "usage",
    "costs",
    "carried_from",
    "limit",
]
OVERALL = "overall"
"""The name of the verdict on the whole attempt, among those of its assertions."""


@dataclass(frozen=True, kw_only=True)
class LimitedAttempts:
    """The attempts that one limit ended."""

    attempts: int
    cost_usd: float | None
    """None if the cost of any is unknown."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The numbers of some of the cases, or of all as a part of the summary."""

    cases: int
    attempts: int
    status_counts: Mapping[str, int]
    """The number of attempts by status: passed, failed, error, limit, unscored, skipped."""
    pass_rate: Estimate | None
    """The mean share of a case's attempts that passed; None if nothing decided. Errors did not pass; unscored
    and skipped attempts are left out."""
    score: Estimate | None
    """Without the attempts that ended in an error."""
    metrics: Mapping[str, Estimate]
    """By metric: its mean score. Attempts that ended in an error are left out; `metric_errors` counts them."""
    latency_s: Mapping[str, float]
    """p50, p95 and p99 of the target's seconds for an attempt."""
    tokens: Mapping[str, int]
    cost_usd: float | None
    """Of the target, judges and simulated users; None if the cost of any attempt is unknown."""
    usage: Mapping[str, Mapping[str, Any]]
    """By role (`target`, `judge`, `user`): model calls, tokens, and `cost_usd`, without those of reused results."""
    metric_errors: Mapping[str, int] = field(default_factory=dict)
    """By metric: the attempts that an error left without a score of it, where there are any."""
    limits: Mapping[str, LimitedAttempts] = field(default_factory=dict)
    """By limit that ended attempts, such as `tool_calls`: how many, and what they cost."""
    labels: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    """By metric: the share of each of its labels, the most frequent first."""
    numbers: Mapping[str, Distribution] = field(default_factory=dict)
    """By metric without bounds: the distribution of its values."""
    undecided_metrics: Mapping[str, str] = field(default_factory=dict)
    """By metric whose numbers decided nothing: how many, and the threshold to add."""


@dataclass(frozen=True, kw_only=True)
class FlakyCase:
    """A case whose attempts disagree."""

    case_id: str
    attempts: int
    passed: int
    flakiness: float
    """The probability that two attempts disagree."""


@dataclass(frozen=True, kw_only=True)
class Summary(Slice):
    """The summary of an experiment."""

    suite: str
    experiment: str
    pass_at_k: Mapping[str, Sequence[float]]
    """By assertion, for k = 1, 2, …: the probability that at least one of k attempts at a case passes."""
    pass_hat_k: Mapping[str, Sequence[float]]
    """By assertion, for k = 1, 2, …: the probability that all of k attempts at a case pass."""
    pass_hat_k_estimates: Mapping[str, Sequence[Estimate]]
    """As `pass_hat_k`, with the 95 % interval over the cases."""
    slices: Mapping[str, Slice]
    """By name: `split=hard`, `tag=refunds`, `metadata.tier=gold`."""
    flakiness: float | None
    """The mean over the cases with several attempts; None if there are none."""
    flaky_cases: Sequence[FlakyCase]
    """The cases whose attempts disagree, the worst first."""
    overall: Sequence[OverallMetric] = ()
    """The metrics over all cases, which `summary:` of suite.yaml names."""
    judges: Mapping[str, str] = field(default_factory=dict)
    """By metric that a judge decided: how far it is known to agree with people."""
    carried: int = 0
    """Attempts whose results were reused from earlier experiments."""
    costs: Mapping[str, CostsByName] = field(default_factory=dict)
    """By `role`, `model`, `tool` and `prompt`: calls, tokens and dollars, without those of reused results."""

    def to_json(self) -> dict[str, Any]:
        """The summary as plain data."""
        return asdict(self)


def summary_of(
    results: pa.Table,
    *,
    suite: str,
    experiment: str,
    cases: Sequence[CaseFacts] = (),
    prompts: Mapping[str, str] | None = None,
) -> Summary:
    """The summary of rows that have `SUMMARY_COLUMNS`, one per case and attempt.

    Args:
        results: the rows.
        suite: the name of the suite.
        experiment: the name of the experiment.
        cases: the cases of its dataset, for the slices by metadata.
        prompts: by role (`target`, `judge`), the prompt and its commit.
    """
    rows: list[Row] = results.to_pylist()
    attempts = attempts_made(rows)
    verdicts = _verdicts(attempts)
    flaky = _flaky_cases(verdicts_by_case(attempts))
    numbers = _numbers(rows)
    return Summary(
        suite=suite,
        experiment=experiment,
        **numbers,
        pass_at_k=_for_each_k(verdicts, pass_at_k),
        pass_hat_k=_for_each_k(verdicts, pass_hat_k),
        pass_hat_k_estimates=_estimates_for_each_k(verdicts),
        slices={
            name: Slice(**_numbers([row for row in rows if row["case_id"] in members]))
            for name, members in slices_of(rows, cases).items()
        },
        flakiness=fmean(case.flakiness for case in flaky) if flaky else None,
        flaky_cases=[case for case in flaky if case.flakiness > 0],
        carried=sum(map(_is_reused, rows)),
        costs=costs_of((row for row in rows if not _is_reused(row)), numbers["usage"], prompts),
    )


def _numbers(rows: Sequence[Row]) -> dict[str, Any]:
    """The fields of a `Slice`."""
    attempts = attempts_made(rows)
    metrics = {name: estimate(list(by_case.values())) for name, by_case in scores_by_metric(attempts).items()}
    lost = lost_scores(attempts, cases_of_metrics(attempts))
    return {
        "cases": len({row["case_id"] for row in rows}),
        "attempts": len(rows),
        "status_counts": dict(Counter(row["status"] for row in rows)),
        "pass_rate": estimate(list(verdicts_by_case(attempts).values())),
        "score": estimate(list(values_by_case(attempts, score_of_row).values())),
        "metrics": {name: metric for name, metric in metrics.items() if metric is not None},
        "metric_errors": {name: sum(map(len, by_case.values())) for name, by_case in lost.items()},
        "limits": _limits(attempts),
        "labels": {name: _shares(by_label) for name, by_label in label_shares(attempts).items()},
        "numbers": {
            name: measured
            for name, by_case in values_by_metric(attempts).items()
            if (measured := distribution(list(by_case.values()))) is not None
        },
        "undecided_metrics": undecided_metrics(attempts),
        "latency_s": percentiles([row["latency_s"] for row in attempts]),
        "tokens": {
            name: sum((row["tokens"] or {}).get(name) or 0 for row in rows) for name in ("input", "output", "cached")
        },
        "cost_usd": total_cost(rows),
        "usage": usage_by_role(row for row in rows if not _is_reused(row)),
    }


def _limits(rows: Sequence[Row]) -> dict[str, LimitedAttempts]:
    """The attempts of each limit."""
    ended: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["status"] == "limit":
            ended[(row.get("limit") or "unknown").partition(":")[0]].append(row)
    return {name: LimitedAttempts(attempts=len(own), cost_usd=total_cost(own)) for name, own in sorted(ended.items())}


def _shares(by_label: Mapping[str, ByCase]) -> dict[str, Estimate]:
    """The share of each label, the most frequent first."""
    shares = {
        label: share for label, by_case in by_label.items() if (share := estimate(list(by_case.values()))) is not None
    }
    return dict(sorted(shares.items(), key=lambda item: (-item[1].mean, item[0])))


def _is_reused(row: Row) -> bool:
    return row["carried_from"] is not None


def _flaky_cases(verdicts: Mapping[str, Sequence[float]]) -> list[FlakyCase]:
    repeated = [
        FlakyCase(case_id=case_id, attempts=n, passed=passed, flakiness=flakiness(n, passed))
        for case_id, values in verdicts.items()
        if (n := len(values)) > 1
        for passed in [int(sum(values))]
    ]
    return sorted(repeated, key=lambda case: (-case.flakiness, case.case_id))


def _verdicts(rows: Iterable[Row]) -> dict[str, list[list[bool]]]:
    """For each assertion and for the whole attempt: by case, whether each attempt passed."""
    by_name: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        verdicts = {
            name: [item["passed"] for item in items if item["passed"] is not None]
            for name, items in assertions_of(row).items()
        }
        overall = verdict_of_row(row)
        # The verdict on the attempt comes last, and replaces that of an assertion named `overall`.
        for name, passed in {**verdicts, OVERALL: [] if overall is None else [bool(overall)]}.items():
            if passed:
                by_name[name][row["case_id"]].append(all(passed))
    return {name: list(cases.values()) for name, cases in sorted(by_name.items())}


def _for_each_k(
    verdicts: Mapping[str, Sequence[Sequence[bool]]], chance: Callable[[int, int, int], float]
) -> dict[str, list[float]]:
    """`chance` for k = 1, 2, …, averaged over the cases with at least k attempts."""
    return {
        name: [fmean(chances) for chances in _chances_for_each_k(cases, chance)] for name, cases in verdicts.items()
    }


def _estimates_for_each_k(verdicts: Mapping[str, Sequence[Sequence[bool]]]) -> dict[str, list[Estimate]]:
    estimates = {}
    for name, cases in verdicts.items():
        # For k = 1 it is the pass rate, whose interval is computed from the attempts themselves.
        groups = [[list(map(float, attempts)) for attempts in cases]]
        groups += [[[chance] for chance in chances] for chances in _chances_for_each_k(cases, pass_hat_k)[1:]]
        estimates[name] = [one for group in groups if (one := estimate(group)) is not None]
    return estimates


def _chances_for_each_k(cases: Sequence[Sequence[bool]], chance: Callable[[int, int, int], float]) -> list[list[float]]:
    most = max(map(len, cases))
    return [
        [chance(len(verdicts), sum(verdicts), k) for verdicts in cases if len(verdicts) >= k]
        for k in range(1, most + 1)
    ]
