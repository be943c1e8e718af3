"""Calls of models that a target made itself, such as a `ChatOpenAI(…)` inside a graph: they pass the run's gates, too.

LangChain tells a handler of every call before it is made, and waits for the handler. So these calls keep to requests
and tokens per minute, wait while the provider holds everybody back, and slow the others when they meet an overload.
What a handler cannot do is to try again, and to answer from the cache.
"""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import LLMResult
from langchain_core.tracers.context import register_configure_hook
from typing_extensions import override

from eval_pipeline.models.calls.failures import FailureKind, kind_of
from eval_pipeline.models.calls.governor import CalledModel
from eval_pipeline.models.calls.managed import is_managed_call
from eval_pipeline.models.limits.limiter import Gate, GateLease, running_loop
from eval_pipeline.models.opening import KEY_FIELDS, PLACE_FIELDS
from eval_pipeline.models.usage import answers
from eval_pipeline.settings import environment_variable
from eval_pipeline.store.content_hash import digest

_PATIENCE_S = 60.0
"""Seconds that a call waits for room beside others. A call may wait inside of one that holds the room, in a thread that
the event loop waits for. One that is made on the loop itself is known by that (`_Callers`)."""
_NO_VERDICT = asyncio.CancelledError()
"""Of a call that says nothing about the next one."""


class _Callers(BaseCallbackHandler):
    """Notes which event loop runs where a call is made.

    `OwnModelCalls` cannot see it: where a synchronous client is called on a loop, LangChain has coroutines of handlers
    run in another thread, and the loop waits for them. What is no coroutine it calls where it is itself.
    """

    run_inline = True
    ignore_chain = ignore_agent = ignore_retriever = ignore_custom_event = True

    def __init__(self) -> None:
        self._loops: dict[UUID, asyncio.AbstractEventLoop | None] = {}

    @override
    def on_chat_model_start(self, serialized: dict[str, Any], messages: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self._loops[run_id] = running_loop()

    @override
    def on_llm_start(self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **kwargs: Any) -> None:
        self._loops[run_id] = running_loop()

    def blocks(self, run_id: UUID) -> bool:
        """Whether the call, which was just noted, holds up a loop that is not the one running here."""
        loop = self._loops.pop(run_id, None)
        return loop is not None and loop is not running_loop()


class OwnModelCalls(BaseCallbackHandler):
    """Those of one attempt. Of several at once to one endpoint only the first takes room: they may be nested."""

    run_inline = True
    ignore_chain = ignore_agent = ignore_retriever = ignore_custom_event = True

    def __init__(self, gate: Callable[[CalledModel], Gate], callers: _Callers) -> None:
        self._gate, self._callers, self._lock = gate, callers, threading.Lock()
        self._begun: dict[UUID, tuple[Gate, GateLease]] = {}

    @override
    async def on_chat_model_start(
        self, serialized: dict[str, Any], messages: Any, *, run_id: UUID, **kwargs: Any
    ) -> None:
        blocks = self._callers.blocks(run_id)
        if is_managed_call():
            return
        model = _called(serialized or {}, kwargs)
        gate = self._gate(model)
        with self._lock:
            first = all(found is not gate for found, _ in self._begun.values())
            lease = GateLease(gate, model, room_within_s=_PATIENCE_S if first else 0.0, blocks=blocks)
            self._begun[run_id] = gate, lease
        try:
            await lease.aacquire()
        except asyncio.CancelledError:
            self._settle(run_id, _NO_VERDICT)
            _cancelled_at_the_next_wait()

    @override
    async def on_llm_start(
        self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **kwargs: Any
    ) -> None:
        await self.on_chat_model_start(serialized, prompts, run_id=run_id, **kwargs)

    @override
    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        found = self._begun.get(run_id)
        if found is not None:
            tokens = sum(answer.usage_metadata["total_tokens"] for answer in answers(response) if answer.usage_metadata)
            if tokens:
                found[1].used(tokens)
        self._settle(run_id, None)

    @override
    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        # An agent may have another model for when one refuses it: its calls go on, and if it has none, the run ends.
        refused = kind_of(error) in (FailureKind.REFUSED, FailureKind.UNKNOWN_MODEL)
        self._settle(run_id, _NO_VERDICT if refused else error)

    def close(self) -> None:
        """The attempt is over: calls that were cancelled were told to nobody."""
        for run_id in list(self._begun):
            self._settle(run_id, _NO_VERDICT)

    def _settle(self, run_id: UUID, error: BaseException | None) -> None:
        with self._lock:
            found = self._begun.pop(run_id, None)
        if found is not None:
            found[1].settle(error)


_callers: contextvars.ContextVar[_Callers | None] = contextvars.ContextVar("own_model_callers", default=None)
_own_calls: contextvars.ContextVar[OwnModelCalls | None] = contextvars.ContextVar("own_model_calls", default=None)
# In this order: a call is noted before it is let through.
register_configure_hook(_callers, inheritable=True)
register_configure_hook(_own_calls, inheritable=True)


@contextlib.contextmanager
def own_calls_through(gate: Callable[[CalledModel], Gate]) -> Iterator[None]:
    """Within it, calls of models that nobody manages pass the gates; those of one attempt."""
    callers = _Callers()
    calls = OwnModelCalls(gate, callers)
    noting, token = _callers.set(callers), _own_calls.set(calls)
    try:
        yield
    finally:
        _own_calls.reset(token)
        _callers.reset(noting)
        calls.close()


def _cancelled_at_the_next_wait() -> None:
    """LangChain, cancelled while it tells one handler of a call, never awaits the others, of which Python complains."""
    task = asyncio.current_task()
    assert task is not None
    task.uncancel()
    task.cancel()


def _called(serialized: Mapping[str, Any], told: Mapping[str, Any]) -> CalledModel:
    """Which model it is, by what LangChain tells of it; the key is the one in the environment."""
    fields: Mapping[str, Any] = serialized.get("kwargs") or {}
    kind = str((serialized.get("id") or [serialized.get("name") or "model"])[-1])
    place = next((str(fields[name]) for name in PLACE_FIELDS if fields.get(name)), "")
    key = next((found for name in KEY_FIELDS if (found := _secret(fields.get(name)))), None)
    name = str((told.get("metadata") or {}).get("ls_model_name") or kind)
    return CalledModel(
        name=name, version=name, endpoint=f"{kind} {place}".strip(), account="" if key is None else digest(key)
    )


def _secret(field: Any) -> str | None:
    """What stands for a key is the name of the variable that it is usually in."""
    named = field.get("id") if isinstance(field, Mapping) else None
    return environment_variable(str(named[-1])) if named else None
