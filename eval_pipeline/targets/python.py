"""The target that is a Python callable: `python`."""

import contextlib
import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from langchain_core.messages import BaseMessage
from typing_extensions import override

from eval_pipeline.content.inputs import input_form, input_messages, is_message
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.prompts.current import current_prompt
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.import_path import resolve
from eval_pipeline.suite.spec.target import CodeTarget
from eval_pipeline.targets.messages import after_last_user, reply_of_messages
from eval_pipeline.targets.session import EventHandler, LiveSession, LiveSessionFactory, Reply
from eval_pipeline.telemetry.event import Event
from eval_pipeline.user_code.own_thread import in_own_thread
from eval_pipeline.user_code.signature import LazyValue, call_by_signature


class PythonTarget(CodeTarget):
    """A sync or async callable, or with `factory` a callable that makes one for each attempt.

    It is called once per turn with those of `message, inputs, history, case, thread_id, runtime` that its signature
    names: `message` is the turn's input as it is written, `inputs` the whole inputs of the case as a mapping. It
    returns its outputs, any value that JSON has a form for; of a mapping, `events` are events and no output. A
    generator, sync or async, streams: it yields pieces of the answer and events, and at its end may yield its outputs.
    """

    kind: Literal["python"]
    factory: bool = False

    @property
    @override
    def takes_options(self) -> bool:
        return self.factory

    @override
    def open(self, folder: Path) -> "PythonSessionFactory":
        call = resolve(self.path, folder=folder)
        return PythonSessionFactory(call, factory=self.factory, options=self.options)


class PythonSessionFactory(LiveSessionFactory):
    """Sessions with one callable; with `factory`, with what `call(**options)` returns for each attempt."""

    def __init__(
        self, call: Callable[..., Any], *, factory: bool = False, options: Mapping[str, Any] | None = None
    ) -> None:
        self._call, self._factory, self._options = call, factory, options or {}

    def open(self, case: Case, *, attempt: int, thread_id: str) -> "PythonSession":
        """A session with the callable."""
        del attempt
        call = self._call(**self._options) if self._factory else self._call
        return PythonSession(call, case=case, thread_id=thread_id)


class PythonSession(LiveSession):
    """The conversation so far, and the callable that answers."""

    def __init__(self, call: Callable[..., Any], *, case: Case, thread_id: str) -> None:
        self._call, self._case, self._thread_id = call, case, thread_id
        self._history: list[Any] = [*case.messages]

    async def send(self, message: Any) -> Reply:
        """Call the callable; a sync one runs in a thread of its own."""
        values: dict[str, Any] = {
            "message": message,
            "inputs": LazyValue(compute=lambda: self._inputs(message)),
            "history": list(self._history),
            "case": LazyValue(compute=self._case.as_data),
            "thread_id": self._thread_id,
            "runtime": LazyValue(compute=self._case.runtime.model_dump),
        }
        # Only where there is one: what a callable calls `prompt` may as well be the message.
        if (prompt := current_prompt()) is not None:
            values["prompt"] = prompt
        started = time.perf_counter()
        returned = await call_by_signature(self._call, values)
        if inspect.isasyncgen(returned) or inspect.isgenerator(returned):
            reply = await _streamed(returned, self.on_event, started)
        else:
            reply = _reply(returned)
        self._history += [*input_messages(message), {"role": "assistant", "content": reply.text}]
        return reply

    def _inputs(self, message: Any) -> dict[str, Any]:
        """The inputs that a callable written for LangSmith's `evaluate` expects."""
        several = len(self._case.turns) > 1 and input_form(message) == "mapping"
        return dict(message) if several else self._case.example_inputs()

    def memory(self) -> list[Any]:
        """The messages so far; what the callable keeps for itself is not among them."""
        return list(self._history)

    def restore(self, memory: list[Any]) -> None:
        """Give the callable that history from now on."""
        self._history = list(memory)


_NOTHING: Any = object()


async def _streamed(generator: Any, on_event: EventHandler, started: float) -> Reply:
    """The reply of a generator: text is a piece of the answer, `{type: …}` an event, anything else the reply itself."""
    pieces: list[str] = []
    events: list[Event] = []
    whole: Any = _NOTHING
    ttft_s: float | None = None

    def take(item: Any) -> None:
        nonlocal ttft_s, whole
        if isinstance(item, str):
            ttft_s = time.perf_counter() - started if ttft_s is None else ttft_s
            pieces.append(item)
            on_event({"type": "token", "content": item})
        elif isinstance(item, Mapping) and "type" in item:
            events.append(item)
            on_event(item)
        else:
            whole = item

    def take_all() -> None:
        for item in generator:
            take(item)

    if inspect.isasyncgen(generator):
        async with contextlib.aclosing(generator):
            async for item in generator:
                take(item)
    else:
        await in_own_thread(take_all)
    return _reply("".join(pieces) if whole is _NOTHING else whole, events, ttft_s)


def _reply(returned: Any, events: Sequence[Event] = (), ttft_s: float | None = None) -> Reply:
    """The reply of a callable: its outputs, and the events in them or in their messages."""
    if isinstance(returned, Reply):
        reply = returned.with_events([*events, *returned.events])
        return reply if ttft_s is None else replace(reply, ttft_s=ttft_s)
    outputs, own = returned, Reply()
    if isinstance(returned, Mapping) and isinstance(returned.get("events"), list | tuple | None):
        events = [*events, *(returned.get("events") or ())]
        outputs = {name: value for name, value in returned.items() if name != "events"}
    answer = _messages_of(outputs)
    if answer:
        own = reply_of_messages(answer)
        events = [*events, *own.events]
    elif not _has_json_form(outputs):
        fix = "return text, a mapping, a list, a number, None, messages, or an object with fields"
        message = f"the target returned a {type(returned).__name__}"
        raise InputError(Problem(message=message, fix=fix, field="target.path"))
    named = isinstance(outputs, Mapping) and "response" in outputs
    return Reply(
        outputs=outputs, text=own.text or None if not named else None, messages=answer, events=events, ttft_s=ttft_s
    )


def _messages_of(outputs: Any) -> Sequence[Any]:
    """The messages of an answer after the user's last one, of a message, several, or a mapping with `messages`."""
    messages = outputs.get("messages") if isinstance(outputs, Mapping) and "messages" in outputs else outputs
    several = messages if isinstance(messages, list | tuple) else [messages]
    whole = bool(several) and all(isinstance(item, BaseMessage) or is_message(item) for item in several)
    return after_last_user(several) if whole else ()


def _has_json_form(value: Any) -> bool:
    """Whether a value is data, rather than an object that shows nothing but its address."""
    return not (callable(value) or getattr(type(value), "__repr__", None) is object.__repr__)
