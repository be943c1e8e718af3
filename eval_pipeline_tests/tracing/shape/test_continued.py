"""What continues an attempt's trace elsewhere continues the orders that are sent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from langsmith import RunTree
from langsmith.run_helpers import get_current_run_tree

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.telemetry.trace_headers import trace_headers
from eval_pipeline_tests.building import a_case
from eval_pipeline_tests.evaluation import agents
from eval_pipeline_tests.langgraph_server import langgraph_server
from eval_pipeline_tests.tracing.traced import Kept, a_traced_evaluator, a_tracer, rules_broken

_SEEN: list[dict[str, str]] = []


def notes_headers(message: str) -> str:
    """A target that calls another server, with our headers, or with those of the SDK."""
    current = get_current_run_tree()
    assert current is not None
    _SEEN.append(trace_headers())
    _SEEN.append(current.to_headers())
    return message


@pytest.fixture
def seen() -> Iterator[list[dict[str, str]]]:
    _SEEN.clear()
    yield _SEEN
    _SEEN.clear()


async def test_headers_continue_a_run_that_is_sent(folder: Path, seen: list[dict[str, str]]) -> None:
    sender = Kept()
    target: dict[str, Any] = {"kind": "python", "path": f"{__name__}:notes_headers"}
    evaluator = a_traced_evaluator(
        folder, target, a_tracer(sender, labels={"suite": "shop"}, root_tags=("scale_eval",))
    )
    for number in range(1, 30):
        await evaluator.evaluate(Attempt(case=a_case("tea", tags=["drinks"]), number=number))
    sent = {run["dotted_order"]: run["name"] for run in sender.runs}
    assert {sent.get(headers["langsmith-trace"]) for headers in seen[::2]} == {"take_turn"}
    continued = [RunTree.from_headers(cast("Any", headers), name="service") for headers in seen[::2]]
    assert {run.session_name for run in continued if run} == {"sample-1"}
    for number, run in enumerate(continued, start=1):
        assert run is not None
        assert {"suite": "shop", "case_id": "tea", "attempt": number}.items() <= run.metadata.items()
        assert run.tags == ["drinks", "scale_eval"]
    # Also where the agent takes them from the SDK, but for a time that LangChain read a moment late.
    ids = {order.rpartition(".")[2][-36:] for order in sent}
    for headers in seen[1::2]:
        assert {part[-36:] for part in headers["langsmith-trace"].split(".")} <= ids
    assert rules_broken(sender.runs) == []


async def test_a_deployment_is_given_the_headers_and_the_trace_links_to_its_run(folder: Path) -> None:
    sender = Kept()
    with langgraph_server({"remembers": agents.remembers()}) as server:
        target = {"kind": "remote", "url": server.url, "graph": "remembers"}
        evaluator = a_traced_evaluator(folder, target, a_tracer(sender))
        result = await evaluator.evaluate(Attempt(case=a_case("tea"), number=1))
    assert result.error is None, result.error.traceback
    sent = {run["dotted_order"]: run for run in sender.runs}
    continued = sent[server.requests[-1]["headers"]["langsmith-trace"]]
    metadata = continued["extra"]["metadata"]
    assert (metadata["remote_url"], metadata["remote_graph"]) == (server.url, "remembers")
    assert metadata["remote_thread_id"] in server.requests[-1]["path"]
    assert metadata["remote_run_id"]


async def test_there_are_none_where_nothing_is_traced() -> None:
    assert trace_headers() == {}
