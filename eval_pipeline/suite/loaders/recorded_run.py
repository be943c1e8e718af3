"""What a recorded run says: its conversation as messages, or its turns with their inputs, outputs and calls."""

from collections.abc import Mapping, Sequence
from typing import Any

import jmespath

from eval_pipeline.content.inputs import history_and_input
from eval_pipeline.errors import InputError
from eval_pipeline.messages import Message, as_openai, is_message, messages_in, read_messages
from eval_pipeline.suite.spec.case_source import LangSmithRuns

_RESPONSES = ("choices", "candidates", "role")
_TURN = "take_turn"
"""How traces of this project call a turn."""

Run = Mapping[str, Any]


class UnreadableRunError(Exception):
    """A run that is no conversation."""

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


def conversation_of(runs: Sequence[Run], below: Sequence[Run], source: LangSmithRuns) -> dict[str, Any]:
    """The conversation of the runs of a thread: `{messages}`, or `{turns}` where a run has more than messages.

    Args:
        runs: in order; the later ones usually contain the conversation so far.
        below: runs below them, among them calls of tools.
        source: its paths to input and output.

    Raises:
        UnreadableRunError: one of them has no conversation.
    """
    messages: list[dict[str, Any]] = []
    for run in runs:
        try:
            of_run = None if source.input or source.output or _is_ours(run) else messages_of_run(run)
        except InputError as error:
            message = f"the run {run.get('id')} cannot be read: {error.problems[0].message}"
            raise UnreadableRunError(message, fix=error.problems[0].fix) from error
        if of_run is None:
            return {"turns": [turn for each in runs for turn in _turns_of(each, _below(each, below), source)]}
        messages = of_run if _starts_with(of_run, messages) else [*messages, *of_run]
    return {"messages": messages}


def _below(run: Run, others: Sequence[Run]) -> list[Run]:
    trace_id = run.get("trace_id") or run.get("id")
    return [each for each in others if each.get("trace_id") == trace_id]


def messages_of_run(run: Run) -> list[dict[str, Any]] | None:
    """The conversation of a run as OpenAI-style messages; None where its inputs and outputs are more than messages.

    Raises:
        InputError: a message has a form that is not known.
    """
    inputs, outputs = run.get("inputs") or {}, run.get("outputs") or {}
    asked = _list_of(inputs) or _text("user", inputs)
    answered = _list_of(outputs)
    if asked and answered and _starts_with(answered, asked):
        return answered
    answered = answered or _text("assistant", outputs)
    return [*asked, *answered] if asked and (answered or not outputs) else None


def _turns_of(run: Run, below: Sequence[Run], source: LangSmithRuns) -> list[dict[str, Any]]:
    """The turns of one run: one, or those that a trace of this project has."""
    inputs, outputs = run.get("inputs") or {}, run.get("outputs") or {}
    if _is_ours(run) and isinstance(answers := outputs.get("answers"), list):
        asked = inputs.get("messages") if isinstance(inputs.get("messages"), list) else []
        several = [{"input": said, "outputs": answer} for said, answer in zip(asked or [], answers, strict=False)]
        for turn, span in zip(several, _spans(below), strict=False):
            turn["events"] = _calls([each for each in below if _is_below(each, span)])
        return several
    said = _given(run, source, inputs)
    answer = jmespath.search(source.output, run) if source.output else outputs
    if answer in (None, {}) and not run.get("error"):
        fix = "filter such runs out, or give their paths as `input` and `output`"
        nothing = "no messages and no text in its inputs and outputs"
        where = nothing if source.output is None else f"nothing at {source.output!r}"
        raise UnreadableRunError(f"the run {run.get('id')} has {where}", fix=fix)
    if isinstance(answer, Mapping) and set(answer) == {"output"}:
        answer = answer["output"]
    events = _calls(below)
    if run.get("error"):
        events.append({"type": "error", "content": str(run["error"])})
    return [{"input": said, "outputs": answer, "events": events}]


def _given(run: Run, source: LangSmithRuns, inputs: Mapping[str, Any]) -> Any:
    if source.input:
        said = jmespath.search(source.input, run)
        if said is None:
            fix = "correct the path, or filter such runs out"
            raise UnreadableRunError(f"the run {run.get('id')} has nothing at {source.input!r}", fix=fix)
        return history_and_input(said)[1]
    if _is_ours(run) and set(inputs) == {"input", "messages"}:
        return inputs["input"]
    return history_and_input(inputs)[1]


def _is_ours(run: Run) -> bool:
    metadata = (run.get("extra") or {}).get("metadata") or {}
    return {"suite", "experiment", "case_id"} <= metadata.keys()


def _spans(below: Sequence[Run]) -> list[Run]:
    spans = [run for run in below if run.get("name") == _TURN]
    return sorted(spans, key=lambda run: str(run.get("dotted_order")))


def _is_below(run: Run, span: Run) -> bool:
    return str(run.get("dotted_order")).startswith(f"{span.get('dotted_order')}.")


def _calls(below: Sequence[Run]) -> list[dict[str, Any]]:
    """The calls of tools among runs, with their results, in order."""
    tools = [run for run in below if run.get("run_type") == "tool"]
    events: list[dict[str, Any]] = []
    for run in sorted(tools, key=lambda run: str(run.get("dotted_order") or run.get("start_time"))):
        inputs, outputs = run.get("inputs") or {}, run.get("outputs") or {}
        content = outputs.get("output", outputs)
        content = content.get("content", content) if isinstance(content, Mapping) else content
        call_id = str(run.get("id"))
        events.append({"type": "tool_call", "name": str(run.get("name")), "args": dict(inputs), "id": call_id})
        result = {"type": "tool_result", "name": str(run.get("name")), "content": content, "id": call_id}
        events.append({**result, "content": str(run["error"]), "error": True} if run.get("error") else result)
    return events


def _starts_with(messages: Sequence[Mapping[str, Any]], start: Sequence[Mapping[str, Any]]) -> bool:
    pairs = zip(messages, start, strict=False)
    same = all(
        (one.get("role"), one.get("content")) == (other.get("role"), other.get("content")) for one, other in pairs
    )
    return len(messages) >= len(start) and same


def _list_of(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The messages in a run's inputs or outputs: at `messages` or the like, or as a provider's response."""
    messages = data.get("messages") or data.get("contents") or jmespath.search("generations[*][].message", data)
    if messages is None and any(data.get(name) for name in _RESPONSES):
        messages = data  # a response of OpenAI's APIs or of Anthropic's, as wrapped clients trace it
    if messages is not None:
        return [as_openai(message) for message in read_messages(messages)] if isinstance(messages, list | dict) else []
    held = data.get("output", data.get("input"))
    if isinstance(held, Mapping) and isinstance(held.get("messages"), list):
        held = held["messages"]
    read = _items_of_responses(held) or messages_in(held) or []
    return [as_openai(message) for message in read]


def _items_of_responses(value: Any) -> list[Message]:
    """The items that OpenAI's responses API takes or gives, a call among them; other lists are no such items."""
    if not isinstance(value, list) or not all(isinstance(item, Mapping) and "type" in item for item in value):
        return []
    return read_messages({"object": "response", "output": value}) if any(map(is_message, value)) else []


def _text(role: str, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The only value of a mapping, if it is text, or the text that a call of OpenAI's responses API gives."""
    if role == "user" and isinstance(data.get("input"), str) and isinstance(data.get("model"), str):
        system = [{"role": "system", "content": data["instructions"]}] if data.get("instructions") else []
        return [*system, {"role": "user", "content": data["input"]}]
    values = list(data.values())
    return [{"role": role, "content": values[0]}] if len(values) == 1 and isinstance(values[0], str) else []
