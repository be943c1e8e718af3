"""What an experiment cost: by role, model, tool and prompt."""

from collections.abc import Iterable, Mapping
from typing import Any

from eval_pipeline.results.usage import TokenUsage
from eval_pipeline.wording import counted

CostsByName = Mapping[str, Mapping[str, Any]]
"""By name: `calls`, `tokens` and `cost_usd`, which is None where the price of any call is unknown."""

_MOST_SHOWN = 3


def costs_of(
    rows: Iterable[Mapping[str, Any]],
    usage: Mapping[str, Mapping[str, Any]],
    prompts: Mapping[str, str] | None = None,
) -> dict[str, CostsByName]:
    """The cost of attempts by `role`, `model`, `tool` and `prompt`.

    What is by tool is a part of the target's: of the model calls that requested the tool. What is by prompt is that of
    the role that the prompt was for.

    Args:
        rows: with the columns `costs`, without reused results.
        usage: by role, as `usage_by_role` adds it up.
        prompts: by role, the prompt and its commit.
    """
    sums: dict[tuple[str, str], TokenUsage] = {}
    for row in rows:
        for share in row.get("costs") or ():
            key, used = (share["kind"], share["name"]), TokenUsage.of_row(share["used"])
            sums[key] = sums[key] + used if key in sums else used
    by_role = {role: TokenUsage.of_row(used) for role, used in usage.items()}
    costs: dict[str, CostsByName] = {
        "role": {role: _shown(used) for role, used in by_role.items()},
        **{
            kind: {name: _shown(used) for (of_kind, name), used in sorted(sums.items()) if of_kind == kind}
            for kind in ("model", "tool")
        },
        "prompt": {prompt: _shown(by_role[role]) for role, prompt in (prompts or {}).items() if role in by_role},
    }
    return {kind: by_name for kind, by_name in costs.items() if by_name}


def cost_lines(costs: Mapping[str, CostsByName]) -> list[str]:
    """The costs by model, tool and prompt, the highest of each, as `by model: gpt-4o $0.0012 (3 calls, 120 tokens)`."""
    lines = []
    for kind, by_name in costs.items():
        if kind == "role":
            continue
        ordered = sorted(by_name.items(), key=lambda item: (-(item[1]["cost_usd"] or 0.0), -item[1]["tokens"], item[0]))
        shown = [_cost_text(name, cost) for name, cost in ordered[:_MOST_SHOWN]]
        more = [f"{len(ordered) - _MOST_SHOWN} more in the report"] if len(ordered) > _MOST_SHOWN else []
        lines.append(f"by {kind}: {'; '.join([*shown, *more])}")
    return lines


def _cost_text(name: str, cost: Mapping[str, Any]) -> str:
    dollars = "" if cost["cost_usd"] is None else f" {shown_cost(cost['cost_usd'])}"
    return f"{name}{dollars} ({counted(cost['calls'], 'call')}, {cost['tokens']:,} tokens)"


def cost_metadata(costs: Mapping[str, CostsByName]) -> dict[str, Any]:
    """The known costs as metadata of a LangSmith project: `cost_by_model` and so on, in dollars by name."""
    known = {
        f"cost_by_{kind}": {name: cost["cost_usd"] for name, cost in by_name.items() if cost["cost_usd"] is not None}
        for kind, by_name in costs.items()
    }
    return {name: by_name for name, by_name in known.items() if by_name}


def shown_cost(cost_usd: float | None) -> str:
    """A cost for people."""
    return "cost unknown" if cost_usd is None else f"${cost_usd:.4f}"


def _shown(used: TokenUsage) -> dict[str, Any]:
    return {"calls": used.calls, "tokens": used.total, "cost_usd": used.cost_usd}
