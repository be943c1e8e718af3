"""What an experiment cost, by role, model, tool and prompt; the parts add up to the whole."""

import math

import pytest

from eval_pipeline.analysis.costs import cost_lines, cost_metadata, costs_of
from eval_pipeline.models.tool_costs import tool_costs
from eval_pipeline.models.usage import UsageHandler
from eval_pipeline.results.result_row import result_of_row, row_of
from eval_pipeline.results.usage import CostShare, TokenUsage
from eval_pipeline_tests.analysis.rows import a_result

FIRST = {"type": "usage", "model": "acme:1", "input_tokens": 10, "output_tokens": 2, "cost_usd": 0.5}
SECOND = {"type": "usage", "model": "acme:2", "input_tokens": 20, "output_tokens": 4, "cost_usd": 0.25}


def call(name: str) -> dict[str, object]:
    return {"type": "tool_call", "id": name, "name": name, "args": {}}


def result(name: str) -> dict[str, object]:
    return {"type": "tool_result", "id": name, "name": name, "content": "x"}


@pytest.mark.parametrize(
    "events",
    [
        [FIRST, call("find"), call("send"), result("find"), result("send"), SECOND],
        [call("find"), call("send"), FIRST, result("find"), result("send"), SECOND],
    ],
    ids=["requested before", "requested after"],
)
def test_tools_share_the_cost_of_the_model_call_that_requested_them(events: list[dict[str, object]]) -> None:
    shares = {share.name: share.used for share in tool_costs(events)}
    assert {name: (used.calls, used.total, used.cost_usd) for name, used in shares.items()} == {
        "find": (1, 6, 0.25),
        "send": (1, 6, 0.25),
    }


def test_the_cost_of_a_tool_that_no_priced_call_requested_is_unknown() -> None:
    (share,) = tool_costs([call("find"), result("find")])
    assert (share.used.calls, share.used.cost_usd) == (1, None)


def test_costs_by_model_tool_and_prompt_add_up_and_survive_the_result_log() -> None:
    handler = UsageHandler()
    events = [FIRST, call("find"), result("find"), SECOND]
    usage = handler.of_attempt(events)
    costs = handler.costs(events)
    stored = result_of_row(row_of(a_result("a", usage=usage, costs=costs)))
    assert stored.costs == costs
    row = row_of(stored)
    by = costs_of(
        [row, row], {"target": {"calls": 4, "input": 60, "output": 12, "cost_usd": 1.5}}, {"target": "hub:a@1"}
    )
    assert {name: cost["cost_usd"] for name, cost in by["model"].items()} == {"acme:1": 1.0, "acme:2": 0.5}
    assert by["tool"]["find"] == {"calls": 2, "tokens": 24, "cost_usd": 1.0}
    assert by["prompt"]["hub:a@1"] == by["role"]["target"] == {"calls": 4, "tokens": 72, "cost_usd": 1.5}
    assert math.fsum(cost["cost_usd"] for cost in by["model"].values()) == by["role"]["target"]["cost_usd"]
    assert any("acme:1 $1.0000 (2 calls, 24 tokens)" in line for line in cost_lines(by))
    assert cost_metadata(by)["cost_by_tool"] == {"find": 1.0}


def test_rows_of_earlier_versions_have_no_costs() -> None:
    row = dict(row_of(a_result("a")))
    del row["costs"]
    assert result_of_row(row).costs == ()


def test_an_unknown_price_makes_a_sum_unknown() -> None:
    shares = [
        CostShare(kind="model", role="judge", name="m", used=TokenUsage(calls=1, input=1, cost_usd=cost))
        for cost in (0.5, None)
    ]
    rows = [row_of(a_result("a", costs=(share,))) for share in shares]
    assert costs_of(rows, {})["model"]["m"]["cost_usd"] is None
