"""Whole runs over HTTP: faults, limits, budgets, the breaker, the cache, and what each attempt cost."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import tenacity

from eval_pipeline.errors import CredentialsError, InputError, PermanentError, TransientError
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.batch import evaluate_all
from eval_pipeline.evaluation.evaluator import SKIPPED, CaseEvaluator
from eval_pipeline.models.calls import retrying
from eval_pipeline.models.limits.throughput import Throughput
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.testing.openai_server import Faults, OpenAIServer, openai_server
from eval_pipeline_tests.building import a_case, a_suite, an_evaluator

HELLO = {"type": "contains", "value": "hello"}
PRICES = "model,input,cached_input,output\ngpt-test,2,0.5,10\n"
COST = (7 * 2 + 4 * 0.5 + 3 * 10) / 1_000_000
"""Of one call, whose usage is the server's: 11 in, 4 of them cached, 3 out."""


@pytest.fixture(autouse=True)
async def _quick(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    monkeypatch.setattr(retrying, "_backoff", tenacity.wait_fixed(0.01))
    yield
    await asyncio.sleep(0.01)  # in which connections that were cut are closed


def evaluator(folder: Path, server: OpenAIServer, *, url: str | None = None, **evaluation: Any) -> CaseEvaluator:
    (folder / "prices.csv").write_text(PRICES)
    target = {"kind": "chat", "model": "openai:gpt-test", "options": {"base_url": url or server.url}}
    return an_evaluator(
        a_suite(folder, target=target, evaluation={"prices": "prices.csv", **evaluation}, assertions=[HELLO])
    )


async def run(
    maker: CaseEvaluator,
    count: int,
    *,
    width: int = 4,
    throughput: Throughput | None = None,
    repetitions: int = 1,
) -> list[CaseResult]:
    attempts = [Attempt(case=a_case(f"c{n}"), number=k + 1) for n in range(count) for k in range(repetitions)]
    evaluated = evaluate_all(maker, attempts, max_concurrency=width, throughput=throughput)
    return [result async for result in evaluated]


async def test_faults_change_no_verdict_and_the_limits_hold(folder: Path) -> None:
    with openai_server(lambda _: "hello", faults=Faults(rate=0.2, seed=3), latency_s=0.01) as server:
        results = await run(evaluator(folder, server), 60, width=6)
    assert {result.status for result in results} == {"passed"}
    assert set(server.log.faults) == {"429", "500", "cut"}
    assert 1 < server.log.peak_concurrency <= 6


async def test_requests_are_spread_over_time(folder: Path) -> None:
    with openai_server(lambda _: "hello") as server:
        await run(evaluator(folder, server, requests_per_minute=1200), 30, width=8)
    # A twentieth of a second each; sending is late by some milliseconds, and never early.
    assert server.log.most_within(1.0) <= 22
    assert server.log.entries[-1].started - server.log.entries[0].started > 29 * 0.05 - 0.1


async def test_a_provider_with_little_room_gets_fewer_calls_at_once(folder: Path) -> None:
    with openai_server(lambda _: "hello", room=2, latency_s=0.02) as server:
        maker = evaluator(folder, server, max_retries=20)
        throughput = Throughput.of(maker.suite, max_concurrency=16)
        results = await run(maker, 60, width=16, throughput=throughput)
    assert {result.status for result in results} == {"passed"}
    (endpoint,) = throughput.report().endpoints
    assert endpoint["lowest_limit"] <= 4
    assert [change["reason"] for change in endpoint["changes"]][:2] == ["begin", "overloaded"]
    refused = [entry.status for entry in server.log.entries].count(429)
    assert refused < len(server.log.entries) / 2


async def test_retry_after_holds_every_call_back(folder: Path) -> None:
    with openai_server(lambda _: "hello", faults=Faults(plan=[None, "429"], retry_after_s=0.5)) as server:
        await run(evaluator(folder, server), 6, width=1)
    begun = [entry.started for entry in server.log.entries]
    assert begun[2] - begun[1] >= 0.5


@pytest.mark.parametrize(
    ("fault", "error"), [("401", CredentialsError), ("quota", CredentialsError), ("404", PermanentError)]
)
async def test_what_makes_every_call_pointless_costs_one_call(folder: Path, fault: str, error: type[Exception]) -> None:
    with openai_server(lambda _: "hello", faults=Faults(rate=1, kinds=[fault])) as server:
        with pytest.raises(error):
            await run(evaluator(folder, server), 1000, width=32)
        assert len(server.log.entries) == 1


async def test_a_host_that_was_never_reached_ends_the_run_soon(folder: Path) -> None:
    with openai_server(lambda _: "hello") as server:
        gone = server.url
    with pytest.raises(TransientError, match="cannot be reached"):
        async with asyncio.timeout(20):
            await run(evaluator(folder, server, url=gone), 1000, width=32)


async def test_a_budget_of_tokens_stops_new_attempts_and_skips_the_rest(folder: Path) -> None:
    with openai_server(lambda _: "hello") as server:
        results = await run(evaluator(folder, server, max_tokens=14 * 10), 50, width=2)
    passed = [result for result in results if result.status == "passed"]
    skipped = [result for result in results if result.status == "skipped"]
    assert 10 <= len(passed) == len(server.log.entries) <= 12
    assert len(passed) + len(skipped) == len({result.case_id for result in results}) == 50
    assert skipped[0].error is not None
    assert (skipped[0].error.name, skipped[0].score, skipped[0].turns) == (SKIPPED, None, ())
    assert "the budget is spent" in skipped[0].error.message
    assert "evaluation.max_tokens" in skipped[0].error.message


async def test_a_budget_of_money_stops_new_attempts(folder: Path) -> None:
    with openai_server(lambda _: "hello") as server:
        results = await run(evaluator(folder, server, max_cost_usd=COST * 4.5), 20, width=1)
    assert [result.status for result in results] == ["passed"] * 5 + ["skipped"] * 15


async def test_money_is_not_limited_where_a_price_is_unknown(folder: Path) -> None:
    with openai_server(lambda _: "hello") as server:
        maker = evaluator(folder, server, max_cost_usd=1)
        (folder / "prices.csv").write_text("model,input,output\nother,1,1\n")
        with pytest.raises(InputError, match="no price is known of gpt-test"):
            await run(maker, 20, width=1)
        assert len(server.log.entries) == 1


async def test_first_attempts_that_all_break_in_one_way_end_the_run(folder: Path) -> None:
    seen: list[CaseResult] = []
    with openai_server(lambda _: "hello", faults=Faults(rate=1, kinds=["context"])) as server:
        maker = evaluator(folder, server, break_after=5)
        attempts = [Attempt(case=a_case(f"c{n}"), number=1) for n in range(100)]

        async def take() -> None:
            async for result in evaluate_all(maker, attempts, max_concurrency=2):
                seen.append(result)  # noqa: PERF401 - what came before the error counts

        with pytest.raises(PermanentError, match=r"first 5 attempts all failed with the same error: .*context length"):
            await take()
    assert [result.status for result in seen] == ["error"] * 5


async def test_a_run_that_had_one_success_is_not_ended_by_failures(folder: Path) -> None:
    faults = Faults(plan=[None, *["context"] * 30])
    with openai_server(lambda _: "hello", faults=faults) as server:
        results = await run(evaluator(folder, server, break_after=5), 20, width=1)
    assert [result.status for result in results] == ["passed"] + ["error"] * 19


async def test_costs_are_those_of_the_table_by_role(folder: Path) -> None:
    with openai_server(lambda body: '{"reasoning": "r", "passed": true}' if "response_format" in body else "hello") as (
        server
    ):
        maker = evaluator(folder, server)
        judge = {"model": "openai:gpt-unknown", "options": {"base_url": server.url}}
        suite = a_suite(
            folder,
            target=maker.suite.spec.target.model_dump(exclude_unset=True),
            judge=judge,
            evaluation={"prices": "prices.csv"},
            assertions=[{"type": "llm_rubric", "value": "It greets."}],
        )
        (result,) = await run(an_evaluator(suite), 1)
    assert result.cost_usd == result.usage.target.cost_usd == pytest.approx(COST)
    assert (result.usage.target.calls, result.usage.judge.calls, result.usage.user.calls) == (1, 1, 0)
    assert (result.tokens.input, result.tokens.output, result.tokens.cached) == (11, 3, 4)
    assert (result.usage.judge.input, result.usage.judge.cost_usd) == (11, None)


async def test_answers_come_from_the_cache_and_cost_nothing(folder: Path) -> None:
    with openai_server(lambda _: "hello") as server:
        cached = {"path": str(folder / "answers.sqlite")}
        first = await run(evaluator(folder, server, cache=cached), 1, repetitions=2)
        again = await run(evaluator(folder, server, cache=cached), 1, repetitions=2)
        # The second attempt is no copy of the first, and a third is asked for.
        assert len(server.log.entries) == 2
        await run(evaluator(folder, server, cache=cached), 1, repetitions=3)
        assert len(server.log.entries) == 3
        shared = {**cached, "share_repetitions": True}
        await run(evaluator(folder, server, cache=shared), 1, repetitions=4, width=1)
        assert len(server.log.entries) == 4
    assert [result.usage.target.calls for result in first] == [1, 1]
    assert [(result.usage.target.calls, result.usage.target.cached_calls) for result in again] == [(0, 1)] * 2
    assert [result.status for result in again] == ["passed"] * 2


async def test_errors_are_never_cached(folder: Path) -> None:
    with openai_server(lambda _: "hello", faults=Faults(plan=["context"])) as server:
        first = await run(evaluator(folder, server, cache="answers.sqlite"), 1)
        again = await run(evaluator(folder, server, cache="answers.sqlite"), 1)
    assert [result.status for result in (*first, *again)] == ["error", "passed"]
