"""The numbers of an experiment's rows, by case: the verdict, the score, and every assertion's score."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from statistics import fmean
from typing import Any

from eval_pipeline.results.usage import TokenUsage

Row = Mapping[str, Any]
ByCase = dict[str, list[float]]
"""A value per attempt, by case id."""


def attempts_made(rows: Iterable[Row]) -> list[Row]:
    """The rows of attempts that were made: a skipped one says nothing about the target."""
    return [row for row in rows if row["status"] != "skipped"]


def verdicts_by_case(rows: Iterable[Row]) -> ByCase:
    """1 for an attempt that passed, 0 for one that failed or broke."""
    return values_by_case(rows, lambda row: float(row["status"] == "passed"))


def values_by_case(rows: Iterable[Row], value: Callable[[Row], float | None]) -> ByCase:
    """Any number of a row; rows that have none are left out."""
    found: ByCase = defaultdict(list)
    for row in rows:
        number = value(row)
        if number is not None:
            found[row["case_id"]].append(number)
    return dict(found)


def scores_by_assertion(rows: Iterable[Row]) -> dict[str, ByCase]:
    """By assertion: its mean score in each attempt that it scored. One that broke scored nothing."""
    values: dict[str, ByCase] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for name, found in assertions_of(row).items():
            scores = [item["score"] for item in found if item["score"] is not None]
            if scores:
                values[name][row["case_id"]].append(fmean(scores))
    return {name: dict(by_case) for name, by_case in sorted(values.items())}


def cost_of(row: Row) -> float | None:
    """Dollars of an attempt, of the target, judges and simulated user together; None if any of them is not known.

    None as well for a result that was carried over from another experiment: it cost nothing in this one.
    """
    if row.get("carried_from") is not None or is_unpriced(row):
        return None
    usage = row.get("usage") or {}
    known = [role["cost_usd"] for role in usage.values() if role and role["cost_usd"] is not None]
    cost: float | None = sum(known) if known else row["cost_usd"]
    return cost


def is_unpriced(row: Row) -> bool:
    """Whether the attempt called models whose price is not known."""
    roles = [role for role in (row.get("usage") or {}).values() if role]
    return row.get("carried_from") is None and any(role["calls"] and role["cost_usd"] is None for role in roles)


def total_cost(rows: Iterable[Row]) -> float | None:
    """Dollars of all attempts; None where one called models that no price is known of: a part is not the sum.

    Where all were carried over from other experiments, nothing was spent, which is known.
    """
    found = list(rows)
    if found and all(row.get("carried_from") is not None for row in found):
        return 0.0
    costs = [cost for row in found if (cost := cost_of(row)) is not None]
    return sum(costs) if costs and not any(map(is_unpriced, found)) else None


def assertions_of(row: Row) -> dict[str, list[Row]]:
    """What came of the assertions of a row, by their names."""
    found: dict[str, list[Row]] = defaultdict(list)
    for item in row["assertions"] or []:
        found[item["name"]].append(item)
    return found


def decided_against(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The assertions of weight that failed or broke, of a row with the column `assertions`."""
    return [
        found
        for found in row["assertions"] or []
        if found["weight"] > 0 and (found["passed"] is False or found["error"])
    ]


def usage_by_role(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """For each role that called a model: `calls`, tokens, and `cost_usd`.

    `cost_usd` is None where the cost of any attempt is not known: a part of it is not the sum.
    """
    sums: dict[str, TokenUsage] = {}
    for row in rows:
        for role, stored in (row.get("usage") or {}).items():
            used = TokenUsage.of_row(stored)
            if used.calls or used.cached_calls:
                sums[role] = sums.get(role, TokenUsage(cost_usd=0.0)) + used
    return {role: asdict(used) for role, used in sums.items()}
