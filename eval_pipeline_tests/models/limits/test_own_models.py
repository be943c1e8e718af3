"""Models that an agent makes itself: they keep to the limits, slow the others, and count, over HTTP."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.errors import CredentialsError
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.batch import evaluate_all
from eval_pipeline.evaluation.evaluator import CaseEvaluator
from eval_pipeline.models.limits import own_models
from eval_pipeline.models.limits.throughput import Throughput
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.testing.openai_server import Faults, OpenAIServer, openai_server
from eval_pipeline_tests.building import a_case, a_suite, an_evaluator
from eval_pipeline_tests.models.limits import own_model_agents
from eval_pipeline_tests.models.limits.own_model_agents import WHERE

AGENTS = "eval_pipeline_tests.models.limits.own_model_agents"
GRAPH = {"kind": "langgraph", "path": f"{AGENTS}:graph"}
BLOCKS = {"kind": "langgraph", "path": f"{AGENTS}:graph_that_blocks"}
THREAD = {"kind": "python", "path": f"{AGENTS}:in_a_thread"}
TWICE = {"kind": "python", "path": f"{AGENTS}:twice_at_once"}
LEAVES = {"kind": "python", "path": f"{AGENTS}:leaves_a_call_waiting"}
HELLO = {"type": "contains", "value": "hello"}


@pytest.fixture(autouse=True)
async def _key(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    yield
    await asyncio.sleep(0.01)  # in which connections that were cut are closed


@pytest.fixture(params=[GRAPH, BLOCKS, THREAD], ids=["graph", "graph-that-blocks", "thread"])
def target(request: pytest.FixtureRequest) -> Any:
    """A target for each way to call a model."""
    return request.param


def evaluator(
    folder: Path, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, target: Any, **evaluation: Any
) -> CaseEvaluator:
    monkeypatch.setenv(WHERE, server.url)
    return an_evaluator(a_suite(folder, target=target, evaluation=evaluation, assertions=[HELLO]))


async def run(
    maker: CaseEvaluator, count: int, *, width: int = 4, throughput: Throughput | None = None
) -> list[CaseResult]:
    attempts = [Attempt(case=a_case(f"c{n}"), number=1) for n in range(count)]
    return [result async for result in evaluate_all(maker, attempts, max_concurrency=width, throughput=throughput)]


async def test_requests_per_minute_hold(folder: Path, monkeypatch: pytest.MonkeyPatch, target: Any) -> None:
    with openai_server(lambda _: "hello") as server:
        begun = time.monotonic()
        results = await run(evaluator(folder, server, monkeypatch, target, requests_per_minute=300), 15, width=8)
    assert {result.status for result in results} == {"passed"}
    # A fifth of a second each; sending is late by some milliseconds, and never early.
    moments = sorted(entry.started - begun for entry in server.log.entries)
    assert len(moments) == 15
    assert all(moment >= number * 0.2 for number, moment in enumerate(moments))


async def test_an_overload_holds_the_others_back_and_lets_fewer_through(
    folder: Path, monkeypatch: pytest.MonkeyPatch, target: Any
) -> None:
    plan = [None, "429"]
    with openai_server(lambda _: "hello", faults=Faults(plan=plan, retry_after_s=0.5)) as server:
        maker = evaluator(folder, server, monkeypatch, target)
        throughput = Throughput.of(maker.suite, max_concurrency=4)
        results = await run(maker, 6, width=1, throughput=throughput)
    # No handler can make the client of a target retry.
    assert [result.status for result in results].count("error") == 1
    begun = [entry.started for entry in server.log.entries]
    assert begun[2] - begun[1] >= 0.5
    (endpoint,) = throughput.report().endpoints
    assert endpoint["lowest_limit"] == 2


async def test_they_share_the_limits_of_managed_models_at_the_same_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai_server(lambda _: "hello") as server:
        maker = evaluator(folder, server, monkeypatch, GRAPH)
        throughput = Throughput.of(maker.suite, max_concurrency=4)
        managed = {"kind": "chat", "model": "openai:gpt-test", "options": {"base_url": server.url}}
        await run(maker, 1, throughput=throughput)
        await run(evaluator(folder, server, monkeypatch, managed), 1, throughput=throughput)
        assert len(server.log.entries) == 2
        assert len(throughput.report().endpoints) == 1


async def test_their_use_is_counted_and_spends_the_budget(
    folder: Path, monkeypatch: pytest.MonkeyPatch, target: Any
) -> None:
    with openai_server(lambda _: "hello") as server:
        results = await run(evaluator(folder, server, monkeypatch, target, max_tokens=14 * 3), 10, width=1)
    passed = [result for result in results if result.status == "passed"]
    assert len(passed) == len(server.log.entries) == 3
    assert [result.tokens.input for result in passed] == [11] * 3
    assert {result.status for result in results} == {"passed", "skipped"}


async def test_a_refused_key_ends_the_run_after_few_calls(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with openai_server(lambda _: "hello", faults=Faults(rate=1, kinds=["401"])) as server:
        with pytest.raises(CredentialsError):
            await run(evaluator(folder, server, monkeypatch, GRAPH), 100, width=16)
        assert len(server.log.entries) <= 3


async def test_calls_that_were_cut_short_take_no_room_from_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai_server(lambda _: "hello", latency_s=1.5) as server:
        maker = evaluator(folder, server, monkeypatch, GRAPH, timeout_s=0.3)
        throughput = Throughput.of(maker.suite, max_concurrency=1)
        results = await run(maker, 3, width=3, throughput=throughput)
    assert [result.error.name for result in results if result.error] == ["TimeoutError"] * 3


@pytest.mark.parametrize("name", ["leaves_the_stream", "leaves_the_stream_of_a_managed_model"])
async def test_a_model_whose_streams_are_not_read_to_the_end_has_answered(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with openai_server(lambda _: "hello there", latency_s=0.3) as server:
        target = {"kind": "python", "path": f"{AGENTS}:{name}"}
        await run(evaluator(folder, server, monkeypatch, target), 9, width=4)
    # The first is let through alone, the others are not.
    assert server.log.peak_concurrency > 1


async def test_a_call_that_waits_when_its_attempt_ends_gives_its_room_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_model_agents.left.clear()
    with openai_server(lambda _: "hello", latency_s=1.0) as server:
        maker = evaluator(folder, server, monkeypatch, LEAVES, break_after=None)
        throughput = Throughput.of(maker.suite, max_concurrency=1)
        await run(maker, 3, width=3, throughput=throughput)
        await asyncio.gather(*own_model_agents.left)
    assert len(server.log.entries) == 3
    assert [limiter.slots.demand() for limiter in throughput._limiters.values()] == [(0, 0)]


async def test_several_calls_of_one_attempt_at_once_do_not_wait_for_each_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openai_server(lambda _: "hello", latency_s=0.2) as server:
        results = await run(evaluator(folder, server, monkeypatch, TWICE), 3, width=1)
    assert {result.status for result in results} == {"passed"}
    assert server.log.peak_concurrency == 2


@pytest.mark.parametrize("name", ["awaits_or_blocks", "awaits_or_blocks_with_a_managed_model"])
async def test_a_call_that_blocks_the_loop_does_not_wait_for_those_that_go_on_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    longest_s = 120.0
    monkeypatch.setattr(own_models, "_ROOM_WITHIN_S", 10 * longest_s)
    own_model_agents.somebody_asks.clear()
    both = threading.Barrier(2, timeout=longest_s)

    def answer(_: object) -> str | int:
        own_model_agents.somebody_asks.set()
        try:
            both.wait()
        except threading.BrokenBarrierError:
            return 500
        return "hello"

    with openai_server(answer) as server:
        target = {"kind": "python", "path": f"{AGENTS}:{name}"}
        maker = evaluator(folder, server, monkeypatch, target, max_retries=0)
        throughput = Throughput.of(maker.suite, max_concurrency=2)
        attempts = [Attempt(case=a_case(name, input=name), number=1) for name in ("first", "second")]
        results = [each async for each in evaluate_all(maker, attempts, max_concurrency=2, throughput=throughput)]
    assert [result.status for result in results] == ["passed", "passed"]
    assert [limiter.slots.demand() for limiter in throughput._limiters.values()] == [(0, 0)]
