"""LangGraph entrypoints over `EvalRunner`, which take cases as dicts and stream their events.

use(suite="my_suite")  # or use(target=a_callable_or_graph): what cases are sent to
case = {"name": "tea", "turns": [{"user_input": "What does tea cost?"}]}
result = await test_workflow.ainvoke(case, config=thread_config())
"""

import asyncio
import contextvars
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.func import entrypoint
from langgraph.types import StreamWriter

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.evaluation.events import Event
from eval_pipeline.evaluation.runs import outside_of_graph
from eval_pipeline.pipeline.runner import EvalRunner
from eval_pipeline.results.case_result import AssertionResult, CaseResult, Status

_MAX_CONCURRENT = 5
_runner: EvalRunner | None = None


@dataclass(frozen=True, kw_only=True)
class TestResult:
    """The result of one test case."""

    __test__: ClassVar[bool] = False

    test_name: str
    status: Status
    turns: Sequence[Mapping[str, Any]] = ()
    """`{user_input, response, events, assertions}` of each."""
    duration_ms: float = 0.0
    error: str | None = None
    score: float | None = None
    case_result: CaseResult | None = None
    """All that is known of the attempt; None if it could not begin."""


@dataclass(frozen=True, kw_only=True)
class EvalResult(TestResult):
    """The result of one test case, with the assertions on the whole conversation."""

    assertions: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, kw_only=True)
class BatchResult:
    """The results of several test cases, in the order in which they ended."""

    results: Sequence[TestResult]
    passed_count: int


def use(suite: Any = None, *, target: Any = None, **options: Any) -> EvalRunner:
    """Choose what the workflows of this process send cases to: arguments as of `EvalRunner`. Returns the runner."""
    global _runner  # noqa: PLW0603 - an entrypoint has one input, which is the case
    _runner = EvalRunner(suite, target=target, **options)
    return _runner


def thread_config(thread_id: str | None = None) -> RunnableConfig:
    """A config with a thread of its own, or with the thread `thread_id`."""
    return {"configurable": {"thread_id": thread_id or str(uuid.uuid4())}}


@entrypoint()
async def test_workflow(test_case: dict[str, Any]) -> TestResult:
    """Evaluate one case. What the target raises is a result with the status `error`."""
    return TestResult(**_fields(test_case, await _evaluated(test_case, get_stream_writer())))


@entrypoint()
async def eval_workflow(test_case: dict[str, Any]) -> EvalResult:
    """As `test_workflow`, with the assertions on the whole conversation in the result."""
    return _eval_result(test_case, await _evaluated(test_case, get_stream_writer()))


@entrypoint()
async def simulation_workflow(test_case: dict[str, Any]) -> EvalResult:
    """As `eval_workflow`, for a case with `simulation`.

    Raises:
        InputError: the case has none.
    """
    if "simulation" not in test_case:
        fix = "give the case `simulation`, or use `eval_workflow`"
        raise InputError(Problem(message="the case has no simulated user", fix=fix, case=_name(test_case)))
    return _eval_result(test_case, await _evaluated(test_case, get_stream_writer()))


@entrypoint()
async def batch_workflow(batch_input: dict[str, Any]) -> BatchResult:
    """Evaluate `test_cases`, at most `max_concurrent` (5) at once."""
    write, cases = get_stream_writer(), batch_input["test_cases"]
    room = asyncio.Semaphore(batch_input.get("max_concurrent", _MAX_CONCURRENT))
    write({"event": "batch_started", "total": len(cases)})

    async def one(test_case: dict[str, Any]) -> TestResult:
        async with room:
            return TestResult(**_fields(test_case, await _evaluated(test_case, None)))

    results: list[TestResult] = []
    async with asyncio.TaskGroup() as group:
        for ending in asyncio.as_completed([group.create_task(one(case)) for case in cases]):
            result = await ending
            passed = result.status == "passed"
            write({"event": "test_completed", "index": len(results), "name": result.test_name, "passed": passed})
            results.append(result)
    passed_count = sum(result.status == "passed" for result in results)
    write({"event": "batch_completed", "passed": passed_count, "total": len(results)})
    return BatchResult(results=results, passed_count=passed_count)


async def _evaluated(test_case: Mapping[str, Any], write: StreamWriter | None) -> CaseResult:
    """The result of a case.

    Raises:
        InputError: the case is wrong, or nothing was chosen to send it to.
    """
    if _runner is None:
        fix = "call eval_pipeline.workflows.use(suite=…) or use(target=…) first"
        raise InputError(Problem(message="no target was chosen", fix=fix, case=_name(test_case)))
    here = contextvars.copy_context()

    def listener(event: Event) -> None:
        if write is not None:
            # LangGraph's writer looks at where it is called, which is in a graph of the evaluator's.
            here.copy().run(write, event)

    working = _runner.arun(dict(test_case), listener=listener)
    return await asyncio.create_task(working, context=outside_of_graph())


def _eval_result(test_case: Mapping[str, Any], result: CaseResult) -> EvalResult:
    whole = [_assertion(each) for each in result.assertions if each.turn is None]
    return EvalResult(**_fields(test_case, result), assertions=whole)


def _fields(test_case: Mapping[str, Any], result: CaseResult) -> dict[str, Any]:
    return {
        "test_name": _name(test_case),
        "status": result.status,
        "turns": [
            {
                "user_input": turn.input,
                "response": turn.response,
                "events": [*turn.events],
                "assertions": [_assertion(each) for each in result.assertions if each.turn == turn.index],
            }
            for turn in result.turns
        ],
        "duration_ms": 1_000 * result.latency_s,
        "error": None if result.error is None else f"{result.error.name}: {result.error.message}",
        "score": result.score,
        "case_result": result,
    }


def _assertion(result: AssertionResult) -> dict[str, Any]:
    names = ("name", "type", "passed", "score", "message")
    return {name: getattr(result, name) for name in names}


def _name(test_case: Mapping[str, Any]) -> str:
    return str(test_case.get("name") or test_case.get("id"))
