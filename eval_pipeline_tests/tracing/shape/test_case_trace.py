"""A case's trace: what was run, below one root, whatever happened and however much ran at once."""

import asyncio
import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

from eval_pipeline.errors import TransientError
from eval_pipeline.evaluation.attempt import Attempt
from eval_pipeline.evaluation.batch import evaluate_all
from eval_pipeline.tracing.shape.modes import NoSharedContext
from eval_pipeline.tracing.shape.run import CompleteRun
from eval_pipeline_tests.building import a_case
from eval_pipeline_tests.tracing.traced import (
    AGENT,
    JUDGE,
    Kept,
    a_traced_evaluator,
    a_tracer,
    python,
    rules_broken,
    tree,
)


def by_name(runs: list[CompleteRun], name: str) -> CompleteRun:
    return next(run for run in runs if run["name"] == name)


async def test_an_attempt_whose_trace_is_not_in_the_sample_has_no_link_to_it(folder: Path) -> None:
    evaluator = a_traced_evaluator(folder, AGENT, a_tracer(Kept(), sample_rate=0.0))
    result = await evaluator.evaluate(Attempt(case=a_case("tea", input="tea"), number=1))
    assert (result.trace_url, result.sampled_out) == (None, True)


async def test_a_case_is_one_tree_of_turns_tools_models_and_judge(folder: Path) -> None:
    sender = Kept()
    evaluator = a_traced_evaluator(folder, AGENT, a_tracer(sender), judge=JUDGE)
    case = a_case("tea", input="tea", tags=["drinks"], assertions=[{"type": "llm_rubric", "value": "says a price"}])

    result = await evaluator.evaluate(Attempt(case=case, number=2))

    assert tree(sender.runs) == [
        "tea",
        "  evaluate_case",
        "    take_turn",
        "      target",
        "        think",
        "          ToolModel",
        "          onward",
        "        tools",
        "          price",
        "            looked_up",
        "        think",
        "          ToolModel",
        "          onward",
        "    assess",
        "      judge",
        "        ToolModel",
        "        RunnableLambda",
    ]
    root = sender.runs[0]
    assert (root["inputs"]["messages"], root["outputs"]["messages"][-1]["content"]) == (["tea"], "It costs 3.00.")
    metadata = root["extra"]["metadata"]
    assert (metadata["score"], metadata["status"], root["error"]) == (1.0, "passed", None)
    assert root["tags"] == ["drinks"]
    assert (result.trace_id, result.run_id) == (root["id"], root["id"])
    assert result.trace_url == f"http://recorder/r/{root['id']}"
    assert "reference_example_id" in root
    assert all("reference_example_id" not in run for run in sender.runs[1:])
    assert rules_broken(sender.runs) == []


async def test_every_run_says_what_it_belongs_to(folder: Path) -> None:
    sender = Kept()
    labels = {"experiment": "sample-1", "git_sha": "abc"}
    evaluator = a_traced_evaluator(folder, AGENT, a_tracer(sender, labels=labels, tags=("sample",)))

    await evaluator.evaluate(Attempt(case=a_case("tea"), number=2))

    for run in sender.runs:
        assert run["extra"]["metadata"].items() >= {**labels, "case_id": "tea", "attempt": 2}.items()
        assert "sample" in run["tags"]
        assert run["session_name"] == "sample-1"


async def test_models_keep_their_usage_and_their_name(folder: Path) -> None:
    sender = Kept()
    await a_traced_evaluator(folder, AGENT, a_tracer(sender)).evaluate(Attempt(case=a_case("tea"), number=1))

    model = by_name(sender.runs, "ToolModel")

    assert model["run_type"] == "llm"
    assert model["extra"]["metadata"]["usage_metadata"]["total_tokens"] == 12
    assert model["extra"]["metadata"]["ls_model_type"] == "chat"


async def test_fifty_attempts_at_once_keep_their_runs_apart(folder: Path) -> None:
    sender = Kept()
    evaluator = a_traced_evaluator(folder, python("interleaved"), a_tracer(sender))
    attempts = [Attempt(case=a_case(f"c{number}", input=f"message {number}"), number=1) for number in range(50)]

    results = [result async for result in evaluate_all(evaluator, attempts, max_concurrency=8)]

    traces = defaultdict(list)
    for run in sender.runs:
        traces[run["trace_id"]].append(run)
    assert len(traces) == len(results) == 50
    for runs in traces.values():
        message = runs[0]["inputs"]["input"]
        assert [run["name"] for run in runs[1:]] == ["evaluate_case", "take_turn", "noted", "noted", "noted"]
        assert {run["inputs"]["message"] for run in runs[3:]} == {message}
    assert rules_broken(sender.runs) == []


async def test_sync_targets_are_traced_in_their_threads(folder: Path) -> None:
    sender = Kept()
    evaluator = a_traced_evaluator(folder, python("in_thread"), a_tracer(sender))
    attempts = [Attempt(case=a_case(f"c{number}", input=f"message {number}"), number=1) for number in range(16)]

    results = [result async for result in evaluate_all(evaluator, attempts, max_concurrency=8)]

    assert {result.turns[0].response.split()[-1] for result in results} == {"False"}
    inner = {run["trace_id"]: run for run in sender.runs if run["name"] == "in_thread_inner"}
    assert {result.trace_id: result.turns[0].input for result in results} == {
        trace_id: run["inputs"]["message"] for trace_id, run in inner.items()
    }


async def test_an_error_in_the_target_is_on_its_run_and_on_the_root(folder: Path) -> None:
    sender = Kept()
    evaluator = a_traced_evaluator(folder, python("breaks"), a_tracer(sender))

    result = await evaluator.evaluate(Attempt(case=a_case(), number=1))

    assert result.status == "error"
    for name in ("c1", "evaluate_case", "take_turn", "failing"):
        assert "no answer to hello" in by_name(sender.runs, name)["error"], name
    assert by_name(sender.runs, "c1")["extra"]["metadata"]["status"] == "error"


async def test_an_attempt_cut_off_by_its_time_limit_has_ended_runs(folder: Path) -> None:
    sender = Kept()
    tracer = a_tracer(sender)
    evaluator = a_traced_evaluator(folder, python("slow"), tracer, evaluation={"timeout_s": 0.05})

    await evaluator.evaluate(Attempt(case=a_case(), number=1))

    assert tree(sender.runs) == ["c1", "  evaluate_case", "    take_turn", "      sleeps"]
    assert all(run["error"] and run["end_time"] >= run["start_time"] for run in sender.runs)
    assert tracer.client.in_progress == 0


async def test_a_failing_infrastructure_sends_nothing_and_leaves_nothing(folder: Path) -> None:
    sender = Kept()
    tracer = a_tracer(sender)
    evaluator = a_traced_evaluator(folder, python("unreachable"), tracer)

    with pytest.raises(TransientError):
        await evaluator.evaluate(Attempt(case=a_case(), number=1))

    assert (sender.runs, tracer.client.in_progress) == ([], 0)


async def test_a_cancelled_attempt_leaves_nothing(folder: Path) -> None:
    sender = Kept()
    tracer = a_tracer(sender)
    evaluator = a_traced_evaluator(folder, python("slow"), tracer)
    attempt = asyncio.create_task(evaluator.evaluate(Attempt(case=a_case(), number=1)))
    await asyncio.sleep(0.05)
    assert tracer.client.in_progress == 1

    attempt.cancel()

    with pytest.raises(asyncio.CancelledError):
        await attempt
    assert (sender.runs, tracer.client.in_progress) == ([], 0)


async def test_what_breaks_a_rule_is_repaired(folder: Path) -> None:
    sender = Kept()
    tracer = a_tracer(sender)
    evaluator = a_traced_evaluator(folder, python("hostile"), tracer)

    await evaluator.evaluate(Attempt(case=a_case(), number=1))

    strange, huge = by_name(sender.runs, "strange"), by_name(sender.runs, "huge")
    assert (strange["run_type"], strange["extra"]["metadata"]["original_run_type"]) == ("chain", "strange")
    assert (huge["inputs"]["number"], huge["outputs"]["truncated"]) == (str(2**70), True)
    assert len(huge["outputs"]["sha256"]) == 64
    assert (tracer.counts.repaired, tracer.counts.left_out) == (2, 0)
    assert rules_broken(sender.runs) == []


async def test_a_sender_that_breaks_costs_the_trace_and_not_the_result(folder: Path) -> None:
    class Broken(Kept):
        def send_runs(self, runs: object, *, graft: bool = False) -> None:
            raise OSError(f"no disk for {runs} {graft}")

    tracer = a_tracer(Broken())
    evaluator = a_traced_evaluator(folder, python("interleaved"), tracer)

    result = await evaluator.evaluate(Attempt(case=a_case(), number=1))

    assert (result.status, result.trace_id, tracer.counts.failed) == ("unscored", None, 1)


async def test_feedback_follows_the_runs_it_is_about(folder: Path) -> None:
    sender = Kept()
    tracer = a_tracer(
        sender,
        feedback=lambda result, traced: [
            {"run_id": traced.run_id, "source_run_id": traced.evaluator_run_id, "score": result.score}
        ],
    )
    evaluator = a_traced_evaluator(folder, python("interleaved"), tracer)

    await evaluator.evaluate(Attempt(case=a_case(), number=1))

    evaluator_run = by_name(sender.runs, "evaluate_case")
    assert sender.feedback == [{"run_id": sender.runs[0]["id"], "source_run_id": evaluator_run["id"], "score": None}]


async def test_a_trace_that_cannot_begin_costs_no_result(folder: Path) -> None:
    @dataclass(frozen=True)
    class Broken(NoSharedContext):
        def lead_time(self, case_id: str) -> dt.timedelta:
            raise OSError(f"no spans of {case_id}")

    tracer = a_tracer(Kept(), Broken())
    evaluator = a_traced_evaluator(folder, python("interleaved"), tracer)

    result = await evaluator.evaluate(Attempt(case=a_case(), number=1))

    assert (result.status, result.trace_id, tracer.counts.failed) == ("unscored", None, 1)
