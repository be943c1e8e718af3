"""The suite through the real OpenAI client: faults change no verdict, limits hold, and a wrong key costs one call."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import tenacity

from eval_pipeline.evaluation.batch import evaluate_all
from eval_pipeline.evaluation.evaluator import CaseEvaluator, Pins
from eval_pipeline.models.calls import retrying
from eval_pipeline.models.limits.throughput import Throughput
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.suite.check import check_suite
from eval_pipeline.suites.support_desk.offline_model import OfflineChatModel
from eval_pipeline.targets.opening import open_target
from eval_pipeline.testing.openai_server import Faults, OpenAIServer, openai_server
from eval_pipeline.testing.openai_server.model_answers import answers_of
from eval_pipeline_tests.cli.terminal import terminal as made_terminal
from eval_pipeline_tests.suites.support_desk.evaluated import FOLDER, snapshot

WIDTH = 8
CASES = 40
REQUESTS_PER_MINUTE = 12_000.0


@pytest.fixture(autouse=True)
def _openai(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot()  # shared by tests; built before another model is named
    monkeypatch.setenv("OPENAI_API_KEY", "right")
    monkeypatch.setenv("EVAL_MODEL", "openai:support-desk-offline")
    monkeypatch.setattr(retrying, "_backoff", tenacity.wait_exponential_jitter(multiplier=0.05, max=1, jitter=0.05))


def evaluated(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, *, repetitions: int
) -> tuple[list[CaseResult], dict[str, Any]]:
    """So many attempts at each of some cases, and how the one endpoint was called."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    suite, cases, problems = check_suite(FOLDER)
    assert suite is not None, problems
    limits = {"max_concurrency": WIDTH, "requests_per_minute": REQUESTS_PER_MINUTE}
    evaluation = suite.spec.evaluation.model_copy(update=limits)
    throughput = Throughput(evaluation, folder=suite.folder, max_concurrency=WIDTH)
    pins = Pins(experiment="test", dataset_version="test", context_id=snapshot().id, target_version="test")
    evaluator = CaseEvaluator(suite=suite, target=open_target(suite), context=snapshot(), pins=pins)

    async def run() -> list[CaseResult]:
        attempts = [attempt for case in cases[:CASES] for attempt in evaluator.attempts(case, repetitions)]
        results = evaluate_all(evaluator, attempts, max_concurrency=WIDTH, throughput=throughput)
        collected = [result async for result in results]
        await asyncio.sleep(0.05)  # in which connections that were cut are closed
        return collected

    collected = asyncio.run(run())
    (endpoint,) = throughput.report().endpoints
    return collected, endpoint


def verdict(result: CaseResult) -> Any:
    return result.status, [(assertion.name, assertion.passed, assertion.score) for assertion in result.assertions]


def test_faults_change_no_verdict_and_the_limits_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = answers_of(OfflineChatModel())
    with openai_server(answer) as calm:
        once, _ = evaluated(calm, monkeypatch, repetitions=1)
    expected = {result.case_id: verdict(result) for result in once}
    # At the same address, because judges are opened once a process.
    port = int(calm.url.split(":")[2].split("/")[0])
    with openai_server(answer, faults=Faults(rate=0.1, seed=7), port=port) as rough:
        results, endpoint = evaluated(rough, monkeypatch, repetitions=2)

    assert len(results) == 2 * CASES
    assert [result.case_id for result in results if verdict(result) != expected[result.case_id]] == []
    assert {result.status for result in results} == {"passed", "failed"}
    assert set(rough.log.faults) == {"429", "500", "cut"}
    assert len(rough.log.entries) == 2 * len(calm.log.entries) + sum(rough.log.faults.values())
    for log in (calm.log, rough.log):
        assert log.peak_concurrency <= WIDTH
        assert log.most_within(60.0) <= REQUESTS_PER_MINUTE
        # Spread over each second as well; a late wake-up may move some into the next.
        assert log.most_within(1.0) <= REQUESTS_PER_MINUTE / 60 * 1.25
    assert endpoint["lowest_limit"] < WIDTH
    assert sum(result.usage.judge.calls for result in results) > 0


def test_a_wrong_key_is_one_call_one_line_and_exit_code_3(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with openai_server(answers_of(OfflineChatModel()), key="right") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "wrong")
        finished = made_terminal(monkeypatch, capfd)("run", "support_desk")
    assert finished.code == 3
    assert len(server.log.entries) == 1
    errors = [line for line in finished.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "refused the key" in errors[0]
    assert "Traceback" not in finished.stderr
