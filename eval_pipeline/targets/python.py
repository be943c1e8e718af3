"""The target that is a Python callable: `python`."""

import inspect
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from typing_extensions import override

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.messages import after_last_user, answer_of, messages_in
from eval_pipeline.prompts.current import current_prompt
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.import_path import resolve
from eval_pipeline.suite.spec.target import CodeTarget
from eval_pipeline.targets.session import LiveSession, LiveSessionFactory, Reply
from eval_pipeline.targets.streamed import StreamedReply
from eval_pipeline.user_code.signature import LazyValue, call_by_signature


class PythonTarget(CodeTarget):
    """A sync or async callable, or with `factory` a callable that makes one for each attempt.

    It is called once per turn with those of `message, history, case, thread_id, runtime` that its signature names,
    and returns text, or a mapping with `response` and `events`, or messages or a response of any provider. A generator,
    sync or async, streams: it yields pieces of the answer (text, or a provider's chunks), messages and events, and at
    its end may yield one of those.
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
        self._history: list[dict[str, str]] = []

    async def send(self, message: str) -> Reply:
        """Call the callable; a sync one runs in a thread of its own."""
        values: dict[str, Any] = {
            "message": message,
            "history": list(self._history),
            "case": LazyValue(compute=lambda: self._case.model_dump(mode="json")),
            "thread_id": self._thread_id,
            "runtime": LazyValue(compute=self._case.runtime.model_dump),
        }
        # Only where there is one: what a callable calls `prompt` may as well be the message.
        if (prompt := current_prompt()) is not None:
            values["prompt"] = prompt
        started = time.perf_counter()
        returned = await call_by_signature(self._call, values)
        if inspect.isasyncgen(returned) or inspect.isgenerator(returned):
            reply = await StreamedReply(on_event=self.on_event, reply_of=_reply, started=started).read(returned)
        else:
            reply = _reply(returned)
        self._history += [{"role": "user", "content": message}, {"role": "assistant", "content": reply.response}]
        return reply

    def memory(self) -> list[dict[str, str]]:
        """The messages so far; what the callable keeps for itself is not among them."""
        return list(self._history)

    def restore(self, memory: list[dict[str, str]]) -> None:
        """Give the callable that history from now on."""
        self._history = list(memory)


def _reply(returned: Any) -> Reply:
    if isinstance(returned, str):
        return Reply(response=returned)
    if isinstance(returned, Reply):
        return returned
    if isinstance(returned, Mapping) and "response" in returned:
        response = returned["response"]
        return Reply(response="" if response is None else str(response), events=list(returned.get("events") or ()))
    if isinstance(returned, Mapping) and "messages" in returned:
        returned = returned["messages"]
    if (messages := messages_in(returned)) is not None:
        text, events = answer_of(after_last_user(messages))
        return Reply(response=text, events=events)
    fix = "return text, {'response': …, 'events': […]} or messages"
    raise InputError(Problem(message=f"the target returned a {type(returned).__name__}", fix=fix, field="target.path"))
