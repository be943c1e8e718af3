"""The summary of an experiment, computed from its rows and nothing else.

Belongs here: which numbers are given, and of what. Does not belong here: formulas (`statistics.py`), thresholds
(`gates.py`), and how numbers are shown.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from eval_pipeline.experiment import statistics
from eval_pipeline.experiment.result_log import read_results
from eval_pipeline.experiment.statistics import Estimate
from eval_pipeline.store.store import Store

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
]
OVERALL = "overall"
"""The name under which a case's whole verdict stands among those of its assertions."""

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The cases of a split or with a tag."""

    cases: int
    pass_rate: Estimate | None
    metrics: Mapping[str, Estimate]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What came out of an experiment."""

    suite: str
    experiment: str
    cases: int
    attempts: int
    status_counts: Mapping[str, int]
    """Attempts by status: passed, failed, error, skipped."""
    pass_rate: Estimate | None
    """Attempts that passed among all that were made; one that broke did not pass."""
    score: Estimate | None
    metrics: Mapping[str, Estimate]
    """By assertion: its mean score over the attempts it scored. One that broke scored nothing."""
    pass_at_k: Mapping[str, Sequence[float]]
    """By assertion, for k = 1, 2, …: the chance that at least one of k attempts at a case passes."""
    pass_hat_k: Mapping[str, Sequence[float]]
    """By assertion, for k = 1, 2, …: the chance that all of k attempts at a case pass."""
    splits: Mapping[str, Slice]
    tags: Mapping[str, Slice]
    latency_s: Mapping[str, float]
    """p50, p95 and p99 of the target's seconds per attempt."""
    tokens: Mapping[str, int]
    cost_usd: float | None

    def to_json(self) -> dict[str, Any]:
        """The summary as plain data."""
        return asdict(self)


def summarize(store: Store, suite: str, experiment: str) -> Summary:
    """The summary of an experiment from its result log."""
    return summary_of(
        read_results(store, suite, experiment, columns=SUMMARY_COLUMNS), suite=suite, experiment=experiment
    )


def summary_of(results: pa.Table, *, suite: str, experiment: str) -> Summary:
    """The summary of rows that have `SUMMARY_COLUMNS`, one per case and attempt."""
    rows: list[Row] = results.to_pylist()
    made = [row for row in rows if row["status"] != "skipped"]
    costs = [row["cost_usd"] for row in rows if row["cost_usd"] is not None]
    return Summary(
        suite=suite,
        experiment=experiment,
        cases=len({row["case_id"] for row in rows}),
        attempts=len(rows),
        status_counts=dict(Counter(row["status"] for row in rows)),
        pass_rate=_pass_rate(made),
        score=statistics.estimate(_by_case(made, lambda row: row["score"])),
        metrics=_metrics(made),
        pass_at_k=_by_assertion(made, statistics.pass_at_k),
        pass_hat_k=_by_assertion(made, statistics.pass_hat_k),
        splits=_slices(made, lambda row: [row["split"]]),
        tags=_slices(made, lambda row: row["tags"] or []),
        latency_s=_percentiles([row["latency_s"] for row in made]),
        tokens={
            name: sum((row["tokens"] or {}).get(name) or 0 for row in rows) for name in ("input", "output", "cached")
        },
        cost_usd=sum(costs) if costs else None,
    )


def _pass_rate(rows: Iterable[Row]) -> Estimate | None:
    return statistics.estimate(_by_case(rows, lambda row: float(row["status"] == "passed")))


def _metrics(rows: Iterable[Row]) -> dict[str, Estimate]:
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for name, found in _assertions(row).items():
            scores = [item["score"] for item in found if item["score"] is not None]
            if scores:
                values[name][row["case_id"]].append(sum(scores) / len(scores))
    estimates = {name: statistics.estimate(list(by_case.values())) for name, by_case in sorted(values.items())}
    return {name: found for name, found in estimates.items() if found is not None}


def _slices(rows: Sequence[Row], names_of: Callable[[Row], Iterable[str]]) -> dict[str, Slice]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        for name in names_of(row):
            groups[name].append(row)
    return {
        name: Slice(cases=len({row["case_id"] for row in group}), pass_rate=_pass_rate(group), metrics=_metrics(group))
        for name, group in sorted(groups.items())
    }


def _by_assertion(rows: Iterable[Row], chance: Callable[[int, int, int], float]) -> dict[str, list[float]]:
    """For each assertion and for the whole verdict: `chance` for k = 1 …, averaged over the cases with k attempts."""
    counts: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        verdicts = {
            name: [item["passed"] for item in found if item["passed"] is not None]
            for name, found in _assertions(row).items()
        }
        # The case's verdict stands last: an assertion of that name does not mix with it.
        for name, passed in {**verdicts, OVERALL: [row["status"] == "passed"]}.items():
            if passed:
                counts[name][row["case_id"]].append(all(passed))
    return {name: _for_each_k(list(cases.values()), chance) for name, cases in sorted(counts.items())}


def _for_each_k(cases: Sequence[Sequence[bool]], chance: Callable[[int, int, int], float]) -> list[float]:
    most = max(map(len, cases))
    return [
        float(np.mean([chance(len(verdicts), sum(verdicts), k) for verdicts in cases if len(verdicts) >= k]))
        for k in range(1, most + 1)
    ]


def _assertions(row: Row) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for item in row["assertions"] or []:
        found[item["name"]].append(item)
    return found


def _by_case(rows: Iterable[Row], value: Callable[[Row], float | None]) -> list[list[float]]:
    groups: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        found = value(row)
        if found is not None:
            groups[row["case_id"]].append(found)
    return list(groups.values())


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    return {f"p{q}": float(np.percentile(values, q)) for q in (50, 95, 99)}
