"""Fleets: what several processes do to one provider, by the provider's own log."""

import asyncio
import itertools
import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import RateLimitError

from eval_pipeline.errors import InputError
from eval_pipeline.models.calls.governor import CalledModel
from eval_pipeline.models.limits.fleet import connection
from eval_pipeline.models.limits.fleet.ledger import open_ledger
from eval_pipeline.models.limits.throughput import Throughput
from eval_pipeline.suite.spec.evaluation import Evaluation
from eval_pipeline.testing.openai_server import OpenAIServer, openai_server
from eval_pipeline_tests.models.limits.fleet.one_of_many import evaluate
from eval_pipeline_tests.redis_server import running_redis
from eval_pipeline_tests.warm_processes import start_warm

PROGRAM = "eval_pipeline_tests.models.limits.fleet.one_of_many:program"
PATIENCE_S = 120.0
LATE_S = 2.0
"""How long the very first request may have been under way."""


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"test-{time.monotonic_ns()}")  # an account of its own


def fleet_of_three(folder: Path, server: OpenAIServer, *, limits: str, count: int, **evaluation: Any) -> list[Any]:
    """The reports of three processes, each of which evaluated `count` attempts."""
    environment = {**os.environ, "EVAL_PIPELINE_LIMITS": limits}
    outputs = [folder / f"p{n}.json" for n in range(3)]
    processes = [
        start_warm(
            PROGRAM,
            output.with_suffix(""),
            server.url,
            count,
            8,
            json.dumps(evaluation),
            folder=folder,
            environment=environment,
            stdout=output,
            stderr=folder / "errors.txt",
        )
        for output in outputs
    ]
    assert [process.wait(timeout=300) for process in processes] == [0, 0, 0], (folder / "errors.txt").read_text()
    return [json.loads(output.read_text()) for output in outputs]


def test_three_processes_keep_to_one_rate(folder: Path, ledger_url: str) -> None:
    with openai_server(lambda _: "hello", latency_s=0.05) as server:
        reports = fleet_of_three(folder, server, limits=ledger_url, count=30, requests_per_minute=600)
    assert [report["ended"] for report in reports] == [{"passed": 30}] * 3
    assert [report["shared"]["missed"] for report in reports] == [0, 0, 0]
    began = sorted(entry.started for entry in server.log.entries)
    assert len(began) == 90
    # Each of them by itself would be through in three seconds. None is early; how late they are is the machine's.
    for number, moment in enumerate(began):
        assert moment - began[0] > number * 0.1 - LATE_S


def test_three_processes_keep_to_one_number_of_calls_at_once(folder: Path, ledger_url: str) -> None:
    with openai_server(lambda _: "hello", latency_s=0.05) as server:
        reports = fleet_of_three(folder, server, limits=ledger_url, count=60, fleet_concurrency=5)
    assert [report["ended"] for report in reports] == [{"passed": 60}] * 3
    assert 1 < server.log.peak_concurrency <= 5


async def test_a_429_that_one_meets_holds_the_others_back(ledger_url: str) -> None:
    model = CalledModel(name="m", version="m", endpoint="openai", account=str(time.monotonic_ns()))
    runs = [
        Throughput(Evaluation(), folder=Path(), max_concurrency=4, ledger=open_ledger(ledger_url)) for _ in range(2)
    ]
    try:
        limiters = [run._limiter(model) for run in runs]
        limiters[0].failed(model, limited(retry_after=600), sent_at=time.monotonic())
        async with asyncio.timeout(PATIENCE_S):
            while limiters[1].adaptive.held() == 0:  # noqa: ASYNC110 - a thread changes it
                await asyncio.sleep(0.05)
        assert 400 < limiters[1].adaptive.held() <= 600
    finally:
        for run in runs:
            run.close()


async def test_a_run_goes_on_when_the_limits_cannot_be_reached_and_logs_it_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connection, "TRY_AGAIN_S", 0.2)
    with running_redis(tmp_path / "redis") as limits:
        monkeypatch.setenv("EVAL_PIPELINE_LIMITS", limits.url)
        numbers = itertools.count(1)  # requests are answered at once: each has its own

        def answer(_: Any) -> str:
            number = next(numbers)
            if number == 10:
                limits.stop()
            if number == 40:
                limits.start()
            return "hello"

        with (
            openai_server(answer, latency_s=0.02) as server,
            caplog.at_level(logging.WARNING, logger=connection.__name__),
        ):
            ended, throughput = await evaluate(
                folder, server.url, count=80, width=4, requests_per_minute=1200, fleet_concurrency=3
            )
    assert ended == {"passed": 80}
    report = throughput.report().shared
    assert report is not None
    assert 5 < report["missed"] < 80
    messages = [record.getMessage() for record in caplog.records if record.name == connection.__name__]
    assert len(messages) == 2
    assert "cannot be reached (Redis did not answer" in messages[0]
    assert "reached again" in messages[1]
    assert server.log.peak_concurrency <= 3


async def test_one_that_never_reached_the_limits_takes_a_tenth(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_LIMITS", "redis://127.0.0.1:1/0")
    with openai_server(lambda _: "hello", latency_s=0.02) as server:
        ended, throughput = await evaluate(
            folder, server.url, count=5, width=4, requests_per_minute=600, fleet_concurrency=20
        )
    assert ended == {"passed": 5}
    assert throughput.report().shared == {"backend": "redis", "missed": 5}
    began = [entry.started for entry in server.log.entries]
    assert began[-1] - began[0] > 4 - LATE_S
    assert server.log.peak_concurrency <= 2


async def test_runs_of_an_experiment_spend_one_budget(
    folder: Path, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_LIMITS", ledger_url)
    budget = {"max_tokens": 14 * 10, "budget_of": "experiment"}
    name = f"experiment-{time.monotonic_ns()}"
    with openai_server(lambda _: "hello") as server:
        first, _ = await evaluate(folder, server.url, count=6, width=1, experiment=name, **budget)
        second, _ = await evaluate(folder, server.url, count=6, width=1, experiment=name, **budget)
        other, _ = await evaluate(folder, server.url, count=6, width=1, experiment=f"{name}-2", **budget)
        alone, _ = await evaluate(
            folder, server.url, count=6, width=1, experiment=name, **budget | {"budget_of": "run"}
        )
    assert [first, second, other, alone] == [{"passed": 6}, {"passed": 4, "skipped": 2}, {"passed": 6}, {"passed": 6}]


async def test_a_budget_of_an_experiment_needs_a_place_to_share(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVAL_PIPELINE_LIMITS", raising=False)
    with pytest.raises(InputError, match=r"evaluation\.budget_of.*EVAL_PIPELINE_LIMITS names none"):
        await evaluate(folder, "http://127.0.0.1:1", count=1, width=1, max_tokens=1, budget_of="experiment")


def limited(*, retry_after: int) -> RateLimitError:
    request = httpx2.Request("POST", "http://127.0.0.1/")
    response = httpx2.Response(429, headers={"retry-after": str(retry_after)}, request=request)
    return RateLimitError("limited", response=response, body=None)
