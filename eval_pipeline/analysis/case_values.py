"""Numbers of an experiment's rows, by case: verdicts, scores of metrics, cost, usage of models.

What a status does to each number is decided here, and stated in docs/results.md.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from eval_pipeline.results.usage import TokenUsage

Row = Mapping[str, Any]
ByCase = dict[str, list[float]]
"""A value for each attempt, by case id."""

_WITHOUT_VERDICT = frozenset({"unscored", "skipped"})


def attempts_made(rows: Iterable[Row]) -> list[Row]:
    """The rows without the skipped attempts, which say nothing about the target."""
    return [row for row in rows if row["status"] != "skipped"]


def verdict_of_row(row: Row) -> float | None:
    """1 for an attempt that passed, 0 for one that did not; None if nothing decided it or it was not made."""
    return None if row["status"] in _WITHOUT_VERDICT else float(row["status"] == "passed")


def verdicts_by_case(rows: Iterable[Row]) -> ByCase:
    """1 for an attempt that passed, 0 for one that failed, reached a limit or broke; others are left out."""
    return values_by_case(rows, verdict_of_row)


def errors_by_case(rows: Iterable[Row]) -> ByCase:
    """1 for an attempt that ended in an error, 0 for any other."""
    return values_by_case(rows, lambda row: float(row["status"] == "error"))


def score_of_row(row: Row) -> float | None:
    """The score of an attempt; None for one that ended in an error, as a part of its assertions is not the whole."""
    score: float | None = None if row["status"] == "error" else row["score"]
    return score


def values_by_case(rows: Iterable[Row], value: Callable[[Row], float | None]) -> ByCase:
    """The number `value` of each row; rows without one are left out."""
    by_case: ByCase = defaultdict(list)
    for row in rows:
        number = value(row)
        if number is not None:
            by_case[row["case_id"]].append(number)
    return dict(by_case)


def score_or_worst(row: Row) -> float | None:
    """The score of an attempt, as gates and comparisons count it: the worst, 0, for an error."""
    return 0.0 if row["status"] == "error" else score_of_row(row)


def metric_scores(row: Row) -> dict[str, float]:
    """By metric: its mean score in an attempt; none for an attempt that ended in an error, and none of what broke."""
    if row["status"] == "error":
        return {}
    scored = {
        name: [item["score"] for item in results if item["score"] is not None]
        for name, results in assertions_of(row).items()
        if not any(item["error"] for item in results)
    }
    return {name: fmean(scores) for name, scores in scored.items() if scores}


def scores_by_metric(rows: Iterable[Row]) -> dict[str, ByCase]:
    """By metric: its mean score in each attempt that it scored; errors have no score."""
    values: dict[str, ByCase] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for name, score in metric_scores(row).items():
            values[name][row["case_id"]].append(score)
    return {name: dict(by_case) for name, by_case in sorted(values.items())}


def values_by_metric(rows: Iterable[Row]) -> dict[str, ByCase]:
    """By metric without bounds: its mean value in each attempt that has one; errors have none."""
    values: dict[str, ByCase] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for name, value in metric_values(row).items():
            values[name][row["case_id"]].append(value)
    return {name: dict(by_case) for name, by_case in sorted(values.items())}


def metric_values(row: Row) -> dict[str, float]:
    """By metric without bounds: its mean value in an attempt; none for an attempt that ended in an error."""
    if row["status"] == "error":
        return {}
    valued = {
        name: [item["value"] for item in results if item.get("value") is not None]
        for name, results in assertions_of(row).items()
        if not any(item["error"] for item in results)
    }
    return {name: fmean(values) for name, values in valued.items() if values}


def worst_values(rows: Iterable[Row]) -> dict[str, float]:
    """By metric without bounds: what its assertion counts for an attempt that ended in an error, where it says so."""
    return {
        item["name"]: item["worst"] for row in rows for item in row["assertions"] or () if item.get("worst") is not None
    }


def metric_labels(row: Row) -> dict[str, list[str]]:
    """By metric: its labels in an attempt, of several turns each; none for an attempt that ended in an error."""
    if row["status"] == "error":
        return {}
    labelled = {
        name: [item["label"] for item in results if item.get("label") is not None]
        for name, results in assertions_of(row).items()
    }
    return {name: labels for name, labels in labelled.items() if labels}


def label_shares(rows: Iterable[Row]) -> dict[str, dict[str, ByCase]]:
    """By metric and label: the share of the label in each attempt that has one of the metric."""
    labelled: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
    for row in rows:
        for name, labels in metric_labels(row).items():
            labelled[name].append((row["case_id"], labels))
    shares: dict[str, dict[str, ByCase]] = {}
    for name, attempts in sorted(labelled.items()):
        shares[name] = {}
        for label in sorted({label for _, labels in attempts for label in labels}):
            by_case: ByCase = defaultdict(list)
            for case_id, labels in attempts:
                by_case[case_id].append(labels.count(label) / len(labels))
            shares[name][label] = dict(by_case)
    return shares


def cases_of_metrics(rows: Iterable[Row]) -> dict[str, set[str]]:
    """By metric: its cases, be it that no attempt at them was scored.

    A case of which no assertion is on record, because every attempt at it broke, may have every metric.
    """
    cases: dict[str, set[str]] = defaultdict(set)
    without = set()
    for row in rows:
        for item in row["assertions"] or ():
            cases[item["name"]].add(row["case_id"])
        without.add(row["case_id"])
    without.difference_update(*cases.values())
    return {name: cases[name] | without for name in sorted(cases)}


def lost_scores(rows: Iterable[Row], cases: Mapping[str, Container[str]]) -> dict[str, ByCase]:
    """By metric: the worst value, 0, for each attempt that an error left without a score of it.

    A mean leaves these attempts out; gates and comparisons do not, or a target that breaks would look better.

    Args:
        rows: the attempts.
        cases: the cases of each metric.
    """
    lost: dict[str, ByCase] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        names = {item["name"] for item in row["assertions"] or () if item["error"]}
        if row["status"] == "error":
            names |= {name for name, members in cases.items() if row["case_id"] in members}
        for name in names:
            lost[name][row["case_id"]].append(0.0)
    return {name: dict(by_case) for name, by_case in sorted(lost.items())}


def together(values: ByCase, others: ByCase) -> ByCase:
    """The values of both, by case."""
    return {case_id: values.get(case_id, []) + others.get(case_id, []) for case_id in {**values, **others}}


def undecided_metrics(rows: Iterable[Row]) -> dict[str, str]:
    """By metric of weight whose numbers decided nothing: how many, and the threshold to add."""
    scores: dict[str, list[float]] = defaultdict(list)
    deciding = set()
    for row in rows:
        for item in row["assertions"] or ():
            if item["passed"] is not None:
                deciding.add(item["name"])
            elif item["score"] is not None and item["weight"] > 0:
                scores[item["name"]].append(item["score"])
    return {
        name: f"{len(values)} numbers, no threshold; add {_threshold_of(values)}"
        for name, values in sorted(scores.items())
        if name not in deciding
    }


def _threshold_of(scores: Sequence[float]) -> str:
    return "`threshold: 1`" if set(scores) <= {0.0, 1.0} else "a `threshold` from which it passes"


def cost_of(row: Row) -> float | None:
    """Dollars of an attempt: target, judges and simulated user together; None if any of them is unknown.

    Also None for a result that was reused from another experiment: it cost nothing in this one.
    """
    if row.get("carried_from") is not None or is_unpriced(row):
        return None
    usage = row.get("usage") or {}
    costs = [role["cost_usd"] for role in usage.values() if role and role["cost_usd"] is not None]
    cost: float | None = sum(costs) if costs else row["cost_usd"]
    return cost


def is_unpriced(row: Row) -> bool:
    """Whether the attempt called models without a price."""
    roles = [role for role in (row.get("usage") or {}).values() if role]
    return row.get("carried_from") is None and any(role["calls"] and role["cost_usd"] is None for role in roles)


def total_cost(rows: Iterable[Row]) -> float | None:
    """Dollars of all attempts; None if one called models without a price: a part is not the sum.

    0 if all results were reused from other experiments.
    """
    attempts = list(rows)
    if attempts and all(row.get("carried_from") is not None for row in attempts):
        return 0.0
    costs = [cost for row in attempts if (cost := cost_of(row)) is not None]
    return sum(costs) if costs and not any(map(is_unpriced, attempts)) else None


def assertions_of(row: Row) -> dict[str, list[Row]]:
    """The assertion results of a row, by name."""
    by_name: dict[str, list[Row]] = defaultdict(list)
    for item in row["assertions"] or []:
        by_name[item["name"]].append(item)
    return by_name


def decided_against(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The assertion results with weight that failed or ended in an error, of a row with the column `assertions`."""
    return [
        assertion
        for assertion in row["assertions"] or []
        if assertion["weight"] > 0 and (assertion["passed"] is False or assertion["error"])
    ]


def why_not_passed(row: Row) -> str:
    """The error of an attempt, or else the messages of the assertions that failed it; empty if it passed."""
    if row["error"]:
        return f"{row['error']['name']}: {row['error']['message']}"
    if row["status"] == "limit":
        return f"a limit was reached: {row.get('limit') or 'unknown'}"
    return "; ".join(f"{assertion['name']}: {assertion['message']}" for assertion in decided_against(row))


def usage_by_role(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """For each role that called a model (`target`, `judge`, `user`): `calls`, tokens, and `cost_usd`.

    `cost_usd` is None if the cost of any attempt is unknown: a part is not the sum.
    """
    sums: dict[str, TokenUsage] = {}
    for row in rows:
        for role, stored in (row.get("usage") or {}).items():
            used = TokenUsage.of_row(stored)
            if used.calls or used.cached_calls:
                sums[role] = sums.get(role, TokenUsage(cost_usd=0.0)) + used
    return {role: asdict(used) for role, used in sums.items()}
