"""The target that is a Python callable: `python`."""

import contextlib
import functools
import inspect
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from typing_extensions import override

from eval_pipeline.content.inputs import asked_text, input_form, input_messages
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.messages import after_last_user, answer_of, as_openai, messages_in
from eval_pipeline.prompts.current import current_prompt
from eval_pipeline.suite.attachments import current_attachments
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.import_path import resolve
from eval_pipeline.suite.spec.target import CodeTarget
from eval_pipeline.targets.session import LiveSession, LiveSessionFactory, Reply
from eval_pipeline.targets.streamed import StreamedReply
from eval_pipeline.user_code.own_thread import OwnThread
from eval_pipeline.user_code.signature import LazyValue, call_by_signature, takes


class PythonTarget(CodeTarget):
    """A sync or async callable, or with `factory` a callable that makes one for each attempt.

    It is called once per turn with those of `input, message, inputs, history, case, attachments, thread_id, runtime`
    that its signature names, or by position with the first: `input` is the turn's input as it is written, `message` the
    same, but of a mapping with a `question` or its like that text; `inputs` the whole inputs of the case as a mapping;
    `attachments` what LangSmith's SDK gives, `{presigned_url, reader, mime_type}` by name. It
    returns its outputs, any value that JSON has a form for; of a mapping, `events` are events and no output, and calls
    are read from messages and from a provider's response. A generator, sync or async, streams: it yields pieces of the
    answer (text, or a provider's chunks), messages and events, and at its end may yield its outputs.

    A factory gets `options` and, where its signature names them, the case's runtime options, `case` and `thread_id`.
    A context manager, sync or async, that it returns is entered before the first turn and left after the last, however
    the attempt ends. An object with `send_message` is called by that; it may return `(response, events)`. A class with
    `send_message` is a factory without `factory: true`.
    """

    kind: Literal["python"]
    factory: bool = False
    """Whether `path` names a callable that makes the target for each attempt."""

    @property
    @override
    def takes_options(self) -> bool:
        return self.factory

    @override
    def open(self, folder: Path) -> "PythonSessionFactory":
        call = resolve(self.path, folder=folder)
        return PythonSessionFactory(call, factory=self.factory or _makes_sessions(call), options=self.options)


class PythonSessionFactory(LiveSessionFactory):
    """Sessions with one callable; with `factory`, with what `call(**options)` returns for each attempt."""

    reads_context_here = True

    def __init__(
        self, call: Callable[..., Any], *, factory: bool = False, options: Mapping[str, Any] | None = None
    ) -> None:
        self._call, self._factory, self._options = call, factory, options or {}
        # What a factory makes is not known before it makes it.
        self.reads_case = factory or takes(call, "case")

    def open(self, case: Case, *, attempt: int, thread_id: str) -> "PythonSession":
        """A session with the callable."""
        del attempt
        factory = self._with_options(case, thread_id) if self._factory else None
        return PythonSession(self._call, case=case, thread_id=thread_id, factory=factory)

    def _with_options(self, case: Case, thread_id: str) -> Callable[[], Any]:
        """The factory with the options, and with those of the case's that its signature names."""
        of_case = {"case": case.as_data(), "thread_id": thread_id, **case.runtime.model_dump(exclude_defaults=True)}
        parameters = inspect.signature(self._call).parameters
        named = {name: value for name, value in of_case.items() if name in parameters}
        return functools.partial(self._call, **{**named, **self._options})


def _makes_sessions(call: Any) -> bool:
    """Whether it is a class whose objects are conversations."""
    return inspect.isclass(call) and callable(getattr(call, "send_message", None))


class PythonSession(LiveSession):
    """The conversation so far, and the callable that answers.

    A sync callable is called in one thread, in which its factory made it; an async one in the process's event loop.
    """

    def __init__(
        self, call: Callable[..., Any], *, case: Case, thread_id: str, factory: Callable[[], Any] | None = None
    ) -> None:
        """With `factory`, that makes the callable when the session begins."""
        self._call, self._case, self._thread_id, self._factory = call, case, thread_id, factory
        self._thread = OwnThread()
        self._opened = contextlib.AsyncExitStack()
        self._history: list[Any] = [*case.messages]

    async def begin(self) -> None:
        """Make the callable, in the thread that it is called in: slow factories run beside each other."""
        if self._factory is not None:
            factory, self._factory = self._factory, None
            of_loop = inspect.iscoroutinefunction(factory)
            made = await self._entered(await factory() if of_loop else await self._thread.run(factory))
            self._call = getattr(made, "send_message", made)

    async def _entered(self, made: Any) -> Any:
        """What a context manager gives, which `close` leaves; anything else as it is."""
        if hasattr(made, "__aenter__"):
            return await self._opened.enter_async_context(made)
        if hasattr(made, "__enter__"):
            entered = await self._thread.run(made.__enter__)
            self._opened.push_async_callback(self._thread.run, made.__exit__, None, None, None)
            return entered
        return made

    async def close(self) -> None:
        """Leave what the factory opened, and end the thread."""
        try:
            await self._opened.aclose()
        finally:
            self._thread.close()

    async def send(self, message: Any) -> Reply:
        """Call the callable."""
        await self.begin()
        values: dict[str, Any] = {
            "input": message,
            "message": asked_text(message),
            "inputs": LazyValue(compute=lambda: self._inputs(message)),
            "history": list(self._history),
            "case": LazyValue(compute=self._case.as_data),
            "attachments": LazyValue(compute=current_attachments),
            "thread_id": self._thread_id,
            "runtime": LazyValue(compute=lambda: {**self._case.configurable, **self._case.runtime.model_dump()}),
        }
        # Only where there is one: what a callable calls `prompt` may as well be the message.
        if (prompt := current_prompt()) is not None:
            values["prompt"] = prompt
        started = time.perf_counter()
        returned = await call_by_signature(self._call, values, in_thread=self._thread.run)
        if inspect.isasyncgen(returned) or inspect.isgenerator(returned):
            streamed = StreamedReply(
                on_event=self.on_event, reply_of=_reply, started=started, in_thread=self._thread.run
            )
            reply = await streamed.read(returned)
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


def _reply(returned: Any) -> Reply:
    """The reply of a callable: its outputs, and the events in them or in their messages."""
    if isinstance(returned, Reply):
        return returned
    if isinstance(returned, str):
        return Reply(outputs=returned)
    if isinstance(returned, Mapping) and returned.get("__interrupt__"):
        message = f"a graph that the target runs waits for a human: {returned['__interrupt__']}"
        fix = "evaluate the graph itself (`kind: langgraph`), which `on_interrupt` of a case can answer"
        raise InputError(Problem(message=message, fix=fix, field="on_interrupt"))
    if _is_response_with_events(returned):
        return Reply(outputs=returned[0], events=returned[1])
    outputs, events = returned, []
    if isinstance(returned, Mapping) and isinstance(returned.get("events"), list | tuple | None):
        events = list(returned.get("events") or ())
        outputs = {name: value for name, value in returned.items() if name != "events"}
    holder = outputs.get("messages") if isinstance(outputs, Mapping) and "messages" in outputs else outputs
    messages = messages_in(holder)
    text = None
    if messages is not None:
        answer = after_last_user(messages)
        text, of_answer = answer_of(answer)
        events += of_answer
        if isinstance(outputs, Mapping) and "response" in outputs:
            text = None
        if hasattr(outputs, "to_input_list"):  # a result of the OpenAI Agents SDK holds its agents
            outputs = outputs.to_input_list()
        return Reply(outputs=outputs, text=text, messages=map(as_openai, answer), events=events, returned=returned)
    if not _is_data(outputs):
        fix = "return text, a mapping, a list, a number, None, messages, or an object with fields"
        message = f"the target returned a {type(returned).__name__}"
        raise InputError(Problem(message=message, fix=fix, field="target.path"))
    return Reply(outputs=outputs, events=events)


def _is_response_with_events(returned: Any) -> bool:
    """Whether it is `(response, events)`, as `send_message` returns it."""
    if not (isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[1], list)):  # noqa: PLR2004
        return False
    return isinstance(returned[0], str) and all(isinstance(event, Mapping) and "type" in event for event in returned[1])


def _is_data(value: Any) -> bool:
    """Whether a value shows more of itself than its address."""
    return not (callable(value) or getattr(type(value), "__repr__", None) is object.__repr__)
