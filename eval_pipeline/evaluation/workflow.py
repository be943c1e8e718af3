"""One attempt at one case as a workflow that reports events.

Events, in order (the vocabulary of the terminal, of server-sent events and of tests): `started`, then for each turn
`user_input`, `turn_event`…, `agent_response`, `assertion_result`…, then `assertion_result`… of the conversation,
`eval_completed` and `completed`. Turns are those of the case, or of a recording, and then those of a simulated user.

The workflow is LangGraph's. With a checkpointer each turn, each round of assertions and each move of a simulated user
is a task of it, which is never done again once it ended: resumed, the workflow runs from its beginning and gets what
its tasks returned. Without one the steps are called as they are, and a trace shows the same runs. An attempt that is
neither traced nor checkpointed calls the workflow's function as it is: LangGraph is near half of its cost.
"""

import asyncio
import contextvars
import functools
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import asdict, replace
from typing import Any, ParamSpec, TypeVar, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.errors import GraphInterrupt
from langgraph.func import entrypoint, task
from langgraph.pregel import Pregel

from eval_pipeline.assertions.scoring import may_call_out, score
from eval_pipeline.content.inputs import input_text
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.evaluation.attempt_runtime import AttemptRuntime, assertion_result_of, plain, turn_of
from eval_pipeline.evaluation.events import agent_response_event, user_input_event
from eval_pipeline.evaluation.outcome import goal_result, never_reached, overall_score, status_of
from eval_pipeline.evaluation.runs import as_run, outside_of_graph
from eval_pipeline.evaluation.simulated_user import UserMove, matches
from eval_pipeline.evaluation.turn_events import TurnEvents
from eval_pipeline.models.limits.working_time import waited_s
from eval_pipeline.models.usage import in_role, turn_events
from eval_pipeline.results.case_result import AssertionResult, Ended, EvaluationError, TurnResult
from eval_pipeline.runs.collecting_tracer import WORKFLOW_NAME
from eval_pipeline.runs.retrievals import retrieval_events
from eval_pipeline.runs.turn import TurnRuns, turn_runs
from eval_pipeline.suite.spec.assertion import Assertion
from eval_pipeline.suite.spec.simulation import Simulation
from eval_pipeline.targets.session import Reply
from eval_pipeline.targets.trajectory import watching
from eval_pipeline.telemetry.event import Event, unreadable
from eval_pipeline.telemetry.plain import plain as plain_data
from eval_pipeline.telemetry.reporting import Sink
from eval_pipeline.telemetry.reporting import turn as reporting
from eval_pipeline.user_code.exits import contain_exits

_P = ParamSpec("_P")
_T = TypeVar("_T")
_in_progress: contextvars.ContextVar[Any] = contextvars.ContextVar("attempt_in_progress")
"""The `AttemptRuntime` in the tasks of the evaluation; None in the target's."""


async def take_turn(index: int, text: str) -> Any:
    """Send one input to the target, and keep the answer.

    Args:
        index: the turn's; the input is the one that the runtime has for it.
        text: what a trace shows of the input, which the target's own run has as a whole.

    Returns:
        The answer's text; in a checkpointed attempt `{turn, memory}`, from which another process can resume.
    """
    runtime = _in_progress.get()
    message = runtime.inputs[index]
    runtime.report(user_input_event(index, message, text))
    reported = TurnEvents(repeats_runs=runtime.session.repeats_runs)
    runs = TurnRuns()

    def live(event: Event) -> None:
        event = plain_data(event)
        if unreadable(event) is not None:
            return  # the reply, or the turn that reports it, carries the error
        reported.add(event)
        runtime.report({"event": "turn_event", "turn": index, **event})

    silent, runtime.session.on_event = runtime.session.on_event, live
    started, waited = time.perf_counter(), waited_s()

    def took() -> float:
        # The wait for a provider's limits is not the target's.
        return max(0.0, time.perf_counter() - started - (waited_s() - waited))

    try:
        with reporting("target", {"message": message}, to=_sink(runtime, reported), on_event=live) as turn:
            with turn_runs(runs, whole=runtime.needs_runs), watching(live):
                reply = await _answered(runtime, message, reported)
            reply = reported.completed(reply, turn, runs.collected)
            turn.answer({"response": reply.text} if reply.outputs == reply.text else reply.outputs)
    except BaseException as error:
        broke = {"type": "error", "content": f"{type(error).__name__}: {EvaluationError.of(error).message}"}
        failed = Reply(events=[*reported.as_executed(reported.events, runs.collected), broke])
        _keep(runtime, index, message, failed, took())
        if isinstance(error, GraphInterrupt):
            # It would end our own workflow as well, in silence.
            raise _unanswered(runtime, error) from error
        raise
    finally:
        # It holds this task's context, which holds the session: in a circle, all of a run stays until it is collected.
        runtime.session.on_event = silent
        if runtime.needs_runs:
            runtime.runs[index] = runs.collected
    _keep(runtime, index, message, reply, took(), retrieval_events(runs.collected))
    unreported = list(reply.events)
    for event in reported.events:
        if event in unreported:
            unreported.remove(event)
    for event in unreported:
        runtime.report({"event": "turn_event", "turn": index, **event})
    runtime.report(agent_response_event(runtime.turns[-1]))
    return runtime.turn_data() if runtime.durable else reply.text


def _sink(runtime: AttemptRuntime, reported: TurnEvents) -> Sink:
    """Where the turn goes: nowhere if the target continues the trace itself, with the runs that it reports."""
    return (lambda _turn: None) if runtime.session.joins_trace else reported.sink()


async def _sent(runtime: AttemptRuntime, message: Any) -> Reply:
    with contain_exits("the target"):
        reply = await runtime.session.send(message)
        return reply if runtime.text_path is None else reply.read_by(runtime.text_path)


async def _answered(runtime: AttemptRuntime, message: Any, reported: TurnEvents) -> Reply:
    """The target's reply, or what it had reported when it reached a limit."""
    sending = functools.partial(_sent, runtime, message)
    limits = runtime.limits
    return await (
        _outside(sending()) if limits is None else limits.answer(lambda: _outside(sending()), reported.events)
    )


def _outside(sending: Coroutine[Any, Any, Reply]) -> asyncio.Task[Reply]:
    """`sending`, where graphs that the target runs do not take our context, store and checkpoints for theirs."""
    context = outside_of_graph()
    # What the session keeps may hold this context, and would keep the attempt, which holds the session.
    context.run(_in_progress.set, None)
    return asyncio.create_task(sending, context=context)


def _keep(
    runtime: AttemptRuntime,
    index: int,
    message: Any,
    reply: Reply,
    latency_s: float,
    retrieved: Iterable[Event] = (),
) -> None:
    runtime.returned[index] = reply.returned
    runtime.turns.append(
        TurnResult(
            index=index,
            input=message,
            response=reply.text,
            events=(*retrieved, *turn_events(reply.events)),
            latency_s=latency_s,
            ttft_s=reply.ttft_s,
            outputs=reply.outputs,
            messages=reply.messages,
            state=reply.state,
        )
    )
    if runtime.limits is not None:
        runtime.limits.after_turn(reply.events)


def _unanswered(runtime: AttemptRuntime, error: GraphInterrupt) -> InputError:
    message = f"a graph that the target runs waits for a human: {error}"
    fix = "evaluate the graph itself (`kind: langgraph`), which `on_interrupt` of a case can answer"
    return InputError(Problem(message=message, fix=fix, case=runtime.case.id, field="on_interrupt"))


async def assess(turn: int | None) -> dict[str, Any]:
    """Carry out the assertions of a turn, or of the conversation.

    Returns:
        Each one's score by name; in a checkpointed attempt `{results}`, which is complete.
    """
    runtime = _in_progress.get()
    scope = runtime.scope(turn)
    results: list[AssertionResult] = []
    with in_role("judge"):
        for assertion, identity, stored in runtime.scores_on(turn):
            made = map(identity.given_to, [] if stored else await score(assertion, scope))
            for result in [replace(each, weight=assertion.weight) for each in stored] or made:
                results.append(result)
                runtime.results.append(result)
                _report_result(runtime, result, assertion)
    if runtime.durable:
        return {"results": [plain(result) for result in results]}
    return {result.name: result.score for result in results}


async def simulate_user(index: int) -> dict[str, Any]:
    """The move of the simulated user before turn `index`: the fields of its `UserMove`."""
    runtime = _in_progress.get()
    simulation, user = runtime.case.simulation, runtime.user
    assert simulation is not None
    assert user is not None
    if index == 0 and simulation.opening is not None:
        return asdict(UserMove(say=simulation.opening))
    with in_role("user"), contain_exits("the simulated user"):
        return asdict(await user.next(runtime.turns))


def _step(work: Callable[_P, Coroutine[Any, Any, _T]]) -> Callable[_P, Awaitable[_T]]:
    """`work` as a task of LangGraph's, as a run of a trace, or as it is: tasks are half of what an attempt costs.

    Not a decorator: LangGraph caches how a task is run only if the module's attribute of that name is the function
    itself.
    """
    as_task, traced = task(work), as_run(work)

    def step(*args: _P.args, **kwargs: _P.kwargs) -> Awaitable[_T]:
        attempt = _in_progress.get()
        if attempt.durable:
            return as_task(*args, **kwargs)
        return traced(*args, **kwargs) if attempt.observed else work(*args, **kwargs)

    return step


_turn, _assessment, _move = _step(take_turn), _step(assess), _step(simulate_user)


async def _conversation(case_id: str, attempt: int) -> dict[str, Any]:
    """Make the attempt in progress. The arguments are what a trace shows of it; the result is in the runtime."""
    runtime = _in_progress.get()
    runtime.report({"event": "started", "test_name": case_id, "attempt": attempt})
    case, script = runtime.case, runtime.session.script
    messages = [turn.input for turn in case.turns] if script is None else script
    for index, message in enumerate(messages):
        if not runtime.allows_turn(index):
            break
        await _say(runtime, index, message)
    for index in range(len(runtime.turns), len(case.turns)):
        runtime.results.extend(
            identity.given_to(never_reached(assertion, index)) for assertion, identity, _ in runtime.scores_on(index)
        )
    if case.simulation is not None and runtime.user is not None:
        await _simulate(runtime, case.simulation, len(messages))
    elif runtime.answered and case.simulation is not None:
        _end_simulation(runtime, case.simulation)
    if runtime.assertions_on(None):
        await _assess(runtime, None)
    value = overall_score(runtime.results)
    runtime.report({"event": "eval_completed", "score": value})
    status = status_of(runtime.results, None, runtime.limit)
    runtime.report({"event": "completed", "total_turns": len(runtime.turns), "status": status, "score": value})
    return {"response": runtime.turns[-1].response if runtime.turns else "", "score": value}


@entrypoint()
async def evaluate_case(inputs: dict[str, Any]) -> dict[str, Any]:
    """The attempt in progress as a workflow of LangGraph's; with a checkpointer, what another process resumes from."""
    shown, runtime = await _conversation(**inputs), _in_progress.get()
    return {**shown, **runtime.to_data()} if runtime.durable else shown


# `entrypoint` returns a graph that is eager: even where nothing is streamed it runs in a task beside one that waits.
_workflow = cast("Pregel[Any, Any, Any, Any]", evaluate_case.copy({"stream_eager": False}))


async def make_attempt(runtime: AttemptRuntime, checkpoints: BaseCheckpointSaver[str] | None, thread_id: str) -> None:
    """Make an attempt, or what `checkpoints` do not have of it. Its turns and results are in the runtime.

    Args:
        runtime: of the attempt.
        checkpoints: where its state is kept.
        thread_id: the attempt's name there.
    """
    token = _in_progress.set(runtime)
    try:
        if checkpoints is not None:
            await _resume(runtime, _workflow.copy({"checkpointer": checkpoints}), thread_id)
        elif runtime.observed:
            await _workflow.ainvoke(_inputs(runtime), RunnableConfig(run_name=WORKFLOW_NAME))
        else:
            await _conversation(**_inputs(runtime))
    finally:
        _in_progress.reset(token)


def _inputs(runtime: AttemptRuntime) -> dict[str, Any]:
    return {"case_id": runtime.case.id, "attempt": runtime.number}


async def _resume(runtime: AttemptRuntime, graph: "Pregel[Any, Any, Any, Any]", thread_id: str) -> None:
    config = RunnableConfig(run_name=WORKFLOW_NAME, configurable={"thread_id": thread_id})
    state = await graph.aget_state(config)
    if state.created_at is None:
        await graph.ainvoke(_inputs(runtime), config)
    elif state.next:
        await graph.ainvoke(None, config)  # by which LangGraph resumes
    else:
        runtime.restore(state.values)


async def _say(attempt: AttemptRuntime, index: int, message: Any) -> None:
    """One turn and its assertions."""
    attempt.inputs[index] = message
    if attempt.answered and attempt.stored is not None:
        attempt.turns.append(attempt.stored.result.turns[index])
        _report_turn(attempt, attempt.turns[-1])
        if attempt.assertions_on(index):
            await _assess(attempt, index)
        return
    returned = await _turn(index, input_text(message))
    if len(attempt.turns) <= index:  # it ended before this process began
        turn = turn_of(returned["turn"])
        attempt.turns.append(turn)
        attempt.session.restore(returned["memory"])
        attempt.reach(returned.get("limit"))
        _report_turn(attempt, turn)
    if attempt.assertions_on(index):
        await _assess(attempt, index)


async def _assess(attempt: AttemptRuntime, turn: int | None) -> None:
    before = len(attempt.results)
    # Rules that compare values take microseconds, and their scores are feedback: a run would add nothing.
    returned = await (_assessment(turn) if any(map(may_call_out, attempt.assertions_on(turn))) else assess(turn))
    if attempt.durable and len(attempt.results) == before:
        assertions = {assertion.name: assertion for assertion in attempt.assertions_on(turn)}
        for data in returned["results"]:
            attempt.results.append(result := assertion_result_of(data))
            _report_result(attempt, result, assertions.get(result.name))


async def _simulate(attempt: AttemptRuntime, simulation: Simulation, start: int) -> None:
    """Let the simulated user talk until something ends the conversation."""
    playing = attempt.playing
    for index in range(start, simulation.max_turns):
        if not attempt.allows_turn(index):
            playing.end("max_turns", f"a limit was reached: {attempt.limit}")
            break
        move = UserMove(**await _move(index))
        playing.moves.append(move)
        if move.ended is not None:
            playing.end(move.ended, move.reason)
            break
        playing.turns += 1
        await _say(attempt, index, move.say)
        ended = await _ended_by_answer(simulation, attempt.turns[-1].response)
        if ended is not None:
            playing.end(*ended)
            break
    else:
        playing.end("max_turns", f"{simulation.max_turns} turns were taken")
    _end_simulation(attempt, simulation)


def _end_simulation(attempt: AttemptRuntime, simulation: Simulation) -> None:
    """Report how the conversation ended, and whether the goal was reached, where the case requires it."""
    playing = attempt.playing
    event = {"type": "simulation_ended", "ended": playing.ended, "content": playing.reason}
    attempt.report({"event": "turn_event", "turn": len(attempt.turns) - 1, **event})
    if simulation.goal_required:
        attempt.results.append(goal_result(attempt.playing.ended, attempt.playing.reason))
        _report_result(attempt, attempt.results[-1])


async def _ended_by_answer(simulation: Simulation, answer: str) -> tuple[Ended, str] | None:
    if simulation.goal_when is not None and await matches(simulation.goal_when, answer):
        return "goal_reached", f"the answer matches goal_when ({simulation.goal_when})"
    if simulation.stop_when is not None and await matches(simulation.stop_when, answer):
        return "stop_condition", f"the answer matches stop_when ({simulation.stop_when})"
    return None


def _report_turn(attempt: AttemptRuntime, turn: TurnResult) -> None:
    attempt.report(user_input_event(turn.index, turn.input, turn.text))
    for event in turn.events:
        attempt.report({"event": "turn_event", "turn": turn.index, **event})
    attempt.report(agent_response_event(turn))


def _report_result(attempt: AttemptRuntime, result: AssertionResult, assertion: Assertion | None = None) -> None:
    """Report a result, with what its assertion compares with, or judges by, as its field `value` says."""
    if attempt.listener is None:
        return
    attempt.report(
        {
            "event": "assertion_result",
            "turn": result.turn,
            "type": result.type,
            "name": result.name,
            "passed": result.passed,
            "score": result.score,
            "value": plain_data(getattr(assertion, "value", None)),
            "message": result.message,
        }
    )
