"""What model calls used: tokens and money of one attempt, by the role of whoever called.

LangChain tells a handler of every call, whoever made the model: an agent's own too.
"""

import contextlib
import contextvars
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.tracers.context import register_configure_hook
from typing_extensions import override

from eval_pipeline.models.budget import Budget
from eval_pipeline.models.prices import PriceTable, Used
from eval_pipeline.results.case_result import AttemptUsage, RoleUsage

Role = Literal["target", "judge", "user"]
"""Whose calls they are; `user` is a simulated one."""


@dataclass(kw_only=True)
class RoleCount:
    """What one role used in one attempt."""

    calls: int = 0
    cached_calls: int = 0
    """Answered by the cache of model calls; they used nothing."""
    used: Used = field(default_factory=Used)
    cost_usd: float | None = None
    """None where nothing is known, or the price of any call is not."""
    unpriced: set[str] = field(default_factory=set)
    """Models that no price is known of."""
    message_ids: set[str] = field(default_factory=set)

    def add(self, used: Used | None, cost: float | None, model: str) -> None:
        """One call. `used` is None where the provider did not say."""
        self.calls += 1
        if used is not None:
            self.used += used
        if used is None or cost is None:
            self.unpriced.add(model)
            self.cost_usd = None
        elif not self.unpriced:
            self.cost_usd = (self.cost_usd or 0.0) + cost


class UsageRecorder(BaseCallbackHandler):
    """Counts the calls of one attempt."""

    run_inline = True
    """Counting is cheaper than handing it to a thread, and must be done when the attempt is."""
    ignore_chain = ignore_agent = ignore_retriever = ignore_custom_event = True

    def __init__(self, prices: PriceTable, budget: Budget | None = None) -> None:
        self._prices, self._budget = prices, budget
        self._lock = threading.Lock()
        self._begun: dict[UUID, tuple[Role, str]] = {}
        self.roles: dict[Role, RoleCount] = {}

    @override
    def on_chat_model_start(self, serialized: dict[str, Any], messages: Any, *, run_id: UUID, **kwargs: Any) -> None:
        metadata = kwargs.get("metadata") or {}
        self._begun[run_id] = (_role.get(), str(metadata.get("ls_model_name") or ""))

    @override
    def on_llm_start(self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **kwargs: Any) -> None:
        self.on_chat_model_start(serialized, prompts, run_id=run_id, **kwargs)

    @override
    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        self._begun.pop(run_id, None)

    @override
    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        role, named = self._begun.pop(run_id, (_role.get(), ""))
        for message in answers(response):
            model = str(message.response_metadata.get("model_name") or named)
            self._count(role, message, model)

    def usage(self, events: Iterable[Mapping[str, Any]]) -> AttemptUsage:
        """Of every role, with what the target's `events` report besides the calls that were seen."""
        self.count_reported("target", events)
        return AttemptUsage(**{role: _frozen(found) for role, found in self.roles.items()})

    def count_reported(self, role: Role, events: Iterable[Mapping[str, Any]]) -> None:
        """Count `usage` events that a target reports of itself, but not those of calls that were counted already.

        An event with the id of a message is compared by it. One without is taken as the target's word for all it did,
        and counted only if no call of it was seen.
        """
        found = self.roles.get(role)
        seen = set() if found is None else set(found.message_ids)
        for event in events:
            known = event["id"] in seen if event.get("id") else bool(seen or (found and found.calls))
            if event["type"] != "usage" or known:
                continue
            used = Used.of_event(event)
            model = str(event.get("model") or "")
            cost = event.get("cost_usd")
            self._add(role, used, self._prices.cost(model, used) if cost is None else float(cost), model)

    def priced(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """A `usage` event with its price, if one is known."""
        if event.get("cost_usd") is not None:
            return event
        return {**event, "cost_usd": self._prices.cost(str(event.get("model") or ""), Used.of_event(event))}

    def _count(self, role: Role, message: AIMessage, model: str) -> None:
        usage: Mapping[str, Any] | None = message.usage_metadata
        if message.id:
            self.roles.setdefault(role, RoleCount()).message_ids.add(message.id)
        if usage is not None and usage.get("total_cost") == 0:  # LangChain's mark of an answer from a cache
            self.roles.setdefault(role, RoleCount()).cached_calls += 1
            return
        used = None if not usage else Used.of_metadata(usage)
        self._add(role, used, None if used is None else self._prices.cost(model, used), model)

    def _add(self, role: Role, used: Used | None, cost: float | None, model: str) -> None:
        with self._lock:
            self.roles.setdefault(role, RoleCount()).add(used, cost, model)
        if self._budget is not None:
            self._budget.spend(used or Used(), cost, model)


_recorder: contextvars.ContextVar[UsageRecorder | None] = contextvars.ContextVar("usage_recorder", default=None)
_role: contextvars.ContextVar[Role] = contextvars.ContextVar("role", default="target")
register_configure_hook(_recorder, inheritable=True)


@contextlib.contextmanager
def recording_usage(recorder: UsageRecorder) -> Iterator[UsageRecorder]:
    """Within it, `recorder` is told of every model call; in threads and tasks begun within it as well."""
    token = _recorder.set(recorder)
    try:
        yield recorder
    finally:
        _recorder.reset(token)


@contextlib.contextmanager
def in_role(role: Role) -> Iterator[None]:
    """Within it, model calls are those of `role`."""
    token = _role.set(role)
    try:
        yield
    finally:
        _role.reset(token)


def priced(events: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """`events`, where `usage` has its price if one is known: what is asserted of costs is what the row says."""
    recorder = _recorder.get()
    return tuple(event if recorder is None or event["type"] != "usage" else recorder.priced(event) for event in events)


def _frozen(found: RoleCount) -> RoleUsage:
    used = {name: getattr(found.used, name) for name in ("input", "output", "cached", "cache_write", "reasoning")}
    return RoleUsage(calls=found.calls, cached_calls=found.cached_calls, cost_usd=found.cost_usd, **used)


def answers(response: LLMResult) -> Iterator[AIMessage]:
    """The answer of each call that a result is of."""
    for generations in response.generations:
        for generation in generations[:1]:  # further choices of one call share its usage
            if isinstance(generation, ChatGeneration) and isinstance(generation.message, AIMessage):
                yield generation.message
