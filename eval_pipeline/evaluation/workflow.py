"""The evaluator: one attempt at one case as a LangGraph workflow, telling what happens as it happens.

Events, in order (the vocabulary of the terminal, of server-sent events and of tests): `started`, then for each turn
`user_input`, `turn_event`…, `agent_response`, `assertion_result`…, then `assertion_result`… of the conversation,
`eval_completed` and `completed`. Belongs here: that order. Does not belong here: what a target or an assertion does,
and what becomes of an error (`attempt.py`).
"""

import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from langgraph.config import get_stream_writer
from langgraph.func import entrypoint, task
from langgraph.runtime import Runtime, get_runtime

from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.evaluation.assertions.scope import Scope
from eval_pipeline.evaluation.assertions.scoring import score
from eval_pipeline.evaluation.result import AssertionResult, TurnResult
from eval_pipeline.evaluation.targets.session import Reply, Session
from eval_pipeline.suite.assertion import Assertion
from eval_pipeline.suite.case import Case

_P = ParamSpec("_P")
_T = TypeVar("_T")


class TargetExitedError(RuntimeError):
    """A target tried to end the process; it is an error of its case."""


@dataclass(frozen=True, kw_only=True)
class AttemptRuntime:
    """LangGraph's runtime context of one attempt: what the workflow works with, and what it has seen so far."""

    case: Case
    session: Session
    assertions: Sequence[Assertion]
    """The suite's, asked of the whole conversation before the case's own."""
    context: SharedContext | None
    folder: Path
    judge_model: str | None
    observed: bool = True
    """Whether anybody sees LangGraph's tasks, a trace or a checkpoint; where nobody does, they are plain calls."""
    turns: list[TurnResult] = field(default_factory=list)
    results: list[AssertionResult] = field(default_factory=list)

    def scope(self, turn: int | None) -> Scope:
        """What an assertion sees now."""
        return Scope(
            case=self.case,
            turns=tuple(self.turns),
            turn=turn,
            context=self.context,
            recording=self.session.recording,
            folder=self.folder,
            judge_model=self.judge_model,
        )


async def take_turn(index: int, said: str) -> str:
    """Say one thing to the target and keep what came of it. Returns the answer."""
    runtime, tell = get_runtime(AttemptRuntime).context, get_stream_writer()
    tell({"event": "user_input", "turn": index, "content": said})
    started = time.perf_counter()
    try:
        reply = await runtime.session.send(said)
    except BaseException as error:
        failed = Reply(response="", events=[{"type": "error", "content": f"{type(error).__name__}: {error}"}])
        _keep(runtime, index, said, failed, time.perf_counter() - started)
        if isinstance(error, SystemExit):
            # It would end the event loop, and with it every other case.
            raise TargetExitedError(f"the target called sys.exit({error.code})") from error
        raise
    _keep(runtime, index, said, reply, time.perf_counter() - started)
    for event in reply.events:
        tell({"event": "turn_event", "turn": index, **event})
    tell({"event": "agent_response", "turn": index, "content": reply.response})
    return reply.response


def _keep(runtime: AttemptRuntime, index: int, said: str, reply: Reply, latency_s: float) -> None:
    turn = TurnResult(index=index, input=said, response=reply.response, events=tuple(reply.events), latency_s=latency_s)
    runtime.turns.append(turn)


async def assess(turn: int | None) -> dict[str, Any]:
    """Carry out the assertions of a turn, or of the conversation. Returns each one's score by name."""
    runtime, tell = get_runtime(AttemptRuntime).context, get_stream_writer()
    scope = runtime.scope(turn)
    scores: dict[str, Any] = {}
    for assertion in _assertions(runtime, turn):
        for result in await score(assertion, scope):
            runtime.results.append(result)
            scores[result.name] = result.score
            tell(
                {
                    "event": "assertion_result",
                    "turn": turn,
                    "type": result.type,
                    "name": result.name,
                    "passed": result.passed,
                    "score": result.score,
                    "message": result.message,
                }
            )
    return scores


def _step(work: Callable[_P, Coroutine[Any, Any, _T]]) -> Callable[_P, Awaitable[_T]]:
    """`work` as a task of LangGraph's, or as it is where nobody sees tasks: they are half of what an attempt costs.

    Not a decorator: LangGraph keeps how a task is run only if the module's attribute of that name is the function
    itself, and works it out anew at each call if not.
    """
    as_task = task(work)

    def step(*args: _P.args, **kwargs: _P.kwargs) -> Awaitable[_T]:
        observed = get_runtime(AttemptRuntime).context.observed
        return as_task(*args, **kwargs) if observed else work(*args, **kwargs)

    return step


_turn, _assessment = _step(take_turn), _step(assess)


@entrypoint(context_schema=AttemptRuntime)
async def evaluate_case(inputs: dict[str, Any], *, runtime: Runtime[AttemptRuntime]) -> dict[str, Any]:
    """One attempt at one case. `inputs` is what a trace shows of it; the result is in the runtime."""
    attempt, tell = runtime.context, get_stream_writer()
    tell({"event": "started", "test_name": attempt.case.id, "attempt": inputs.get("attempt", 1)})
    script = attempt.session.script
    said = [turn.user for turn in attempt.case.turns] if script is None else script
    response = ""
    for index, text in enumerate(said):
        response = await _turn(index, text)
        if _assertions(attempt, index):
            await _assessment(index)
    for index in range(len(said), len(attempt.case.turns)):
        attempt.results.extend(_never_reached(assertion, index) for assertion in _assertions(attempt, index))
    if _assertions(attempt, None):
        await _assessment(None)
    value = overall_score(attempt.results)
    tell({"event": "eval_completed", "score": value})
    tell({"event": "completed", "total_turns": len(attempt.turns)})
    return {"response": response, "score": value}


def overall_score(results: Sequence[AssertionResult]) -> float | None:
    """The mean of the scores, weighted; None if nothing of weight scored."""
    scored = [(result.score, result.weight) for result in results if result.score is not None and result.weight > 0]
    total = sum(weight for _, weight in scored)
    return sum(value * weight for value, weight in scored) / total if total else None


def _never_reached(assertion: Assertion, turn: int) -> AssertionResult:
    """A recording may end before a turn that the case asserts something of."""
    return AssertionResult(
        name=assertion.name or assertion.type,
        type=assertion.type,
        turn=turn,
        passed=False,
        score=0.0,
        weight=assertion.weight,
        message="the conversation ended before this turn",
    )


def _assertions(runtime: AttemptRuntime, turn: int | None) -> Sequence[Assertion]:
    if turn is None:
        return [*runtime.assertions, *runtime.case.assertions]
    return runtime.case.turns[turn].assertions if turn < len(runtime.case.turns) else ()
