"""What an experiment's model calls used, by the role of whoever called: target, judge, simulated user."""

from collections.abc import Iterable, Mapping
from typing import Any

_COUNTS = ("calls", "cached_calls", "input", "output", "cached", "cache_write", "reasoning")


def usage_by_role(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """For each role that called a model: `calls`, tokens, and `cost_usd`.

    `cost_usd` is None where the cost of any attempt is not known: a part of it is not the sum.
    """
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        for role, used in (row.get("usage") or {}).items():
            if used is None or not (used["calls"] or used["cached_calls"]):
                continue
            total = found.setdefault(role, {**dict.fromkeys(_COUNTS, 0), "cost_usd": 0.0})
            for name in _COUNTS:
                total[name] += used[name] or 0
            if used["calls"]:
                unknown = used["cost_usd"] is None or total["cost_usd"] is None
                total["cost_usd"] = None if unknown else total["cost_usd"] + used["cost_usd"]
    return found
