"""Tracer and sender together: what attempts did is in the recorder, with its scores, while they run."""

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx

from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.batch import evaluate_all
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.local import LocalStore
from eval_pipeline.tracing.experiment.feedback import feedback_of
from eval_pipeline.tracing.send.sender import SpoolingSender
from eval_pipeline.tracing.shape.case_trace import CaseTracer
from eval_pipeline.tracing.shape.modes import Grafted
from eval_pipeline.tracing.shape.replica import Origin, SharedSpans
from eval_pipeline_tests.building import a_case, an_evaluator
from eval_pipeline_tests.tracing.traced import (
    AGENT,
    JUDGE,
    AnExperiment,
    a_context_suite,
    a_recorded_context,
    traced,
    tree,
)

ATTEMPTS = 24


def test_attempts_made_at_once_arrive_whole_with_their_scores(
    server: RecorderServer, make_settings: Callable[..., LangSmithSettings], folder: Path, tmp_path: Path
) -> None:
    cases = [
        a_case(f"tea-{number}", input="tea", assertions=[{"type": "llm_rubric", "value": "says a price"}])
        for number in range(ATTEMPTS)
    ]
    suite = a_context_suite(folder, target=AGENT, judge=JUDGE)
    context, _ = a_recorded_context(suite, LocalStore(tmp_path / "store"), cases)
    assert context.trace is not None
    answer = httpx.post(f"{server.url}/sessions", json={"id": str(uuid.uuid4()), "name": AnExperiment().name})
    session_id = answer.json()["id"]
    sender = SpoolingSender(make_settings())
    tracer = CaseTracer(
        experiment=AnExperiment(),
        sender=sender,
        shared=Grafted(spans=SharedSpans(context.trace), origin=Origin(project="sample-shared")),
        feedback=lambda result, trace: feedback_of(
            result,
            run_id=trace.run_id,
            trace_id=trace.trace_id,
            session_id=session_id,
            start_time=trace.start_time,
            evaluator_run_id=trace.evaluator_run_id,
        ),
    )
    evaluator = traced(an_evaluator(suite, context=context), tracer)
    attempts = [Attempt(case=case, number=1) for case in cases]

    async def make() -> list[CaseResult]:
        return [result async for result in evaluate_all(evaluator, attempts, max_concurrency=8)]

    results = asyncio.run(make())
    counts = sender.close()

    assert (counts.runs_sent, counts.runs_spooled, counts.runs_dropped) == (tracer.counts.runs, 0, 0)
    assert counts.feedback_sent == 3 * ATTEMPTS
    for result in results:
        runs = server.recorder.runs.of_trace(str(result.trace_id))
        names = tree(runs)
        assert (names[0], names[1], names[10]) == (result.case_id, "  shared_context", "  evaluate_case")
        assert len(runs) == 9 + 17
        feedback = httpx.get(f"{server.url}/feedback", params={"run": str(result.run_id)}).json()
        assert {item["key"]: item["score"] for item in feedback} == {"llm_rubric": 1.0, "passed": 1.0, "score": 1.0}
        scored = {item["feedback_source"]["metadata"]["__run"]["run_id"] for item in feedback}
        assert scored == {run["id"] for run in runs if run["name"] == "evaluate_case"}
