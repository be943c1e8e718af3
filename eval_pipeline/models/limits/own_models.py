"""Applies a run's limits to models that a target opened itself, such as a `ChatOpenAI(…)` inside a graph.

LangChain calls a handler before every model call, and waits for it. So these calls keep to requests and tokens per
minute, wait while the provider accepts no calls, and slow the others when they meet an overload. A handler cannot
retry a call, nor answer it from the cache.
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
from eval_pipeline.models.limits.limiter import Limiter, LimiterLease, running_loop
from eval_pipeline.models.opening import ADDRESS_FIELDS, KEY_FIELDS
from eval_pipeline.models.usage import answers
from eval_pipeline.settings import environment_variable
from eval_pipeline.store.content_hash import digest

_ROOM_WITHIN_S = 60.0
"""The most seconds that a call waits for room. A call may be nested in one that holds the room, in a thread that the
event loop waits for. A call made on the loop itself is detected by `_Callers`."""
_NO_OUTCOME = asyncio.CancelledError()
"""The error of a call that shows nothing about the next one."""


class _Callers(BaseCallbackHandler):
    """Records the event loop of the thread in which a call is made.

    `OwnModelCalls` cannot see it: when a synchronous client is called on a loop, LangChain runs a handler's coroutines
    in another thread, and the loop waits for them. A handler's plain functions it calls in its own thread.
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
        """Whether the call, which was just recorded, blocks a loop other than the one running here."""
        loop = self._loops.pop(run_id, None)
        return loop is not None and loop is not running_loop()


class OwnModelCalls(BaseCallbackHandler):
    """The calls of one attempt. Of several at once to one endpoint only the first takes room: they may be nested."""

    run_inline = True
    ignore_chain = ignore_agent = ignore_retriever = ignore_custom_event = True

    def __init__(self, limiter_of: Callable[[CalledModel], Limiter], callers: _Callers) -> None:
        self._limiter_of, self._callers, self._lock = limiter_of, callers, threading.Lock()
        self._begun: dict[UUID, tuple[Limiter, LimiterLease]] = {}

    @override
    async def on_chat_model_start(
        self, serialized: dict[str, Any], messages: Any, *, run_id: UUID, **kwargs: Any
    ) -> None:
        blocks = self._callers.blocks(run_id)
        if is_managed_call():
            return
        model = _called(serialized or {}, kwargs)
        limiter = self._limiter_of(model)
        with self._lock:
            first = all(other is not limiter for other, _ in self._begun.values())
            lease = LimiterLease(limiter, model, room_within_s=_ROOM_WITHIN_S if first else 0.0, blocks=blocks)
            self._begun[run_id] = limiter, lease
        try:
            await lease.aacquire()
        except asyncio.CancelledError:
            self._settle(run_id, _NO_OUTCOME)
            _cancelled_at_the_next_wait()

    @override
    async def on_llm_start(
        self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **kwargs: Any
    ) -> None:
        await self.on_chat_model_start(serialized, prompts, run_id=run_id, **kwargs)

    @override
    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        begun = self._begun.get(run_id)
        if begun is not None:
            tokens = sum(answer.usage_metadata["total_tokens"] for answer in answers(response) if answer.usage_metadata)
            if tokens:
                begun[1].used(tokens)
        self._settle(run_id, None)

    @override
    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        # An agent may fall back to another model when one refuses it: its calls go on. If it has none, the run ends.
        refused = kind_of(error) in (FailureKind.REFUSED, FailureKind.UNKNOWN_MODEL)
        self._settle(run_id, _NO_OUTCOME if refused else error)

    def close(self) -> None:
        """End the attempt: LangChain reports no end of calls that were cancelled."""
        for run_id in list(self._begun):
            self._settle(run_id, _NO_OUTCOME)

    def _settle(self, run_id: UUID, error: BaseException | None) -> None:
        with self._lock:
            begun = self._begun.pop(run_id, None)
        if begun is not None:
            begun[1].settle(error)


_callers: contextvars.ContextVar[_Callers | None] = contextvars.ContextVar("own_model_callers", default=None)
_own_calls: contextvars.ContextVar[OwnModelCalls | None] = contextvars.ContextVar("own_model_calls", default=None)
# In this order: a call is recorded before it is let through.
register_configure_hook(_callers, inheritable=True)
register_configure_hook(_own_calls, inheritable=True)


@contextlib.contextmanager
def limiting_own_calls(limiter_of: Callable[[CalledModel], Limiter]) -> Iterator[None]:
    """Within it, one attempt, calls of models that are not managed keep to the limits."""
    callers = _Callers()
    calls = OwnModelCalls(limiter_of, callers)
    callers_token, token = _callers.set(callers), _own_calls.set(calls)
    try:
        yield
    finally:
        _own_calls.reset(token)
        _callers.reset(callers_token)
        calls.close()


def _cancelled_at_the_next_wait() -> None:
    """LangChain, cancelled while it calls one handler, never awaits the others, and Python warns about that."""
    task = asyncio.current_task()
    assert task is not None
    task.uncancel()
    task.cancel()


def _called(serialized: Mapping[str, Any], options: Mapping[str, Any]) -> CalledModel:
    """Which model LangChain is calling; its key is the one in the environment."""
    fields: Mapping[str, Any] = serialized.get("kwargs") or {}
    kind = str((serialized.get("id") or [serialized.get("name") or "model"])[-1])
    address = next((str(fields[name]) for name in ADDRESS_FIELDS if fields.get(name)), "")
    key = next((secret for name in KEY_FIELDS if (secret := _secret(fields.get(name)))), None)
    name = str((options.get("metadata") or {}).get("ls_model_name") or kind)
    return CalledModel(
        name=name, version=name, endpoint=f"{kind} {address}".strip(), account="" if key is None else digest(key)
    )


def _secret(field: Any) -> str | None:
    """A key: LangChain serializes it as the name of the variable that usually holds it."""
    named = field.get("id") if isinstance(field, Mapping) else None
    return environment_variable(str(named[-1])) if named else None
