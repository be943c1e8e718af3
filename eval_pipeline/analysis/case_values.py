"""Numbers of an experiment's rows, by case: verdicts, scores of assertions, cost, usage of models."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from statistics import fmean
from typing import Any

from eval_pipeline.results.usage import TokenUsage

Row = Mapping[str, Any]
ByCase = dict[str, list[float]]
"""A value for each attempt, by case id."""


def attempts_made(rows: Iterable[Row]) -> list[Row]:
    """The rows without the skipped attempts, which say nothing about the target."""
    return [row for row in rows if row["status"] != "skipped"]


def verdicts_by_case(rows: Iterable[Row]) -> ByCase:
    """1 for an attempt that passed, 0 for one that failed or ended in an error."""
    return values_by_case(rows, lambda row: float(row["status"] == "passed"))


def values_by_case(rows: Iterable[Row], value: Callable[[Row], float | None]) -> ByCase:
    """The number `value` of each row; rows without one are left out."""
    by_case: ByCase = defaultdict(list)
    for row in rows:
        number = value(row)
        if number is not None:
            by_case[row["case_id"]].append(number)
    return dict(by_case)


def scores_by_assertion(rows: Iterable[Row]) -> dict[str, ByCase]:
    """By assertion: its mean score in each attempt that it scored; errors have no score."""
    values: dict[str, ByCase] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for name, results in assertions_of(row).items():
            scores = [item["score"] for item in results if item["score"] is not None]
            if scores:
                values[name][row["case_id"]].append(fmean(scores))
    return {name: dict(by_case) for name, by_case in sorted(values.items())}


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
