"""Counts what model calls use: tokens and money, by role and model.

LangChain calls a callback handler at the end of every model call, also of models that an agent opened itself.
"""

import contextlib
import contextvars
import functools
import operator
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.tracers.context import register_configure_hook
from typing_extensions import override

from eval_pipeline.models.budget import Budget
from eval_pipeline.models.prices import PriceTable
from eval_pipeline.results.usage import AttemptUsage, ModelUsage, TokenUsage

Role = Literal["target", "judge", "user"]
"""The role of the caller; `user` is a simulated one."""
UNNAMED = "a model without a name"


class UsageHandler(BaseCallbackHandler):
    """Counts model calls, and charges them to a budget."""

    run_inline = True
    """Counting is cheaper than handing it to a thread, and must be done when the attempt is."""
    ignore_chain = ignore_agent = ignore_retriever = ignore_custom_event = True

    def __init__(self, prices: PriceTable | None = None, budget: Budget | None = None) -> None:
        """Without `prices` no cost is known."""
        self._prices, self._budget = prices, budget
        self._lock = threading.Lock()
        self._begun: dict[UUID, tuple[Role, str]] = {}
        self._usage: dict[tuple[Role, str], TokenUsage] = {}
        self._message_ids: set[tuple[Role, str]] = set()

    @property
    def total(self) -> TokenUsage:
        """Of all calls so far."""
        return self._sum()

    @property
    def by_model(self) -> tuple[ModelUsage, ...]:
        """What each model used, as results store it, ordered by name; models that reported no tokens are left out."""
        sums = {model or UNNAMED: self._sum(model=model) for _, model in self._keys()}
        return tuple(
            ModelUsage(model=model, input_tokens=used.input, output_tokens=used.output, cached_tokens=used.cached)
            for model, used in sorted(sums.items())
            if used.total
        )

    def of_attempt(self, events: Iterable[Mapping[str, Any]]) -> AttemptUsage:
        """What each role used, including what the target's `events` report and no call was seen of."""
        self.count_reported("target", events)
        return AttemptUsage(**{role: self._sum(role=role) for role, _ in self._keys()})

    def count_reported(self, role: Role, events: Iterable[Mapping[str, Any]]) -> None:
        """Count `usage` events that a target reports, except those of calls that were counted already.

        An event with the id of a message is compared by it. One without is taken to report all that the target did,
        and is counted only if no call of it was seen.
        """
        ids = {message_id for of_role, message_id in self._message_ids if of_role == role}
        any_seen = bool(ids or self._sum(role=role).calls)
        for event in events:
            counted = event["id"] in ids if event.get("id") else any_seen
            if event["type"] != "usage" or counted:
                continue
            used, model = TokenUsage.of_event(event), str(event.get("model") or "")
            cost = event.get("cost_usd")
            self._add(role, model, replace(used, cost_usd=self._cost(model, used) if cost is None else float(cost)))

    def priced(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """A `usage` event with its cost, if a price is known."""
        if event.get("cost_usd") is not None:
            return event
        return {**event, "cost_usd": self._cost(str(event.get("model") or ""), TokenUsage.of_event(event))}

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

    def _count(self, role: Role, message: AIMessage, model: str) -> None:
        usage: Mapping[str, Any] | None = message.usage_metadata
        if message.id:
            self._message_ids.add((role, message.id))
        if usage is not None and usage.get("total_cost") == 0:  # LangChain's mark of an answer from a cache
            self._add(role, model, TokenUsage(cached_calls=1))
            return
        used = TokenUsage.of_metadata(usage or {})
        self._add(role, model, replace(used, cost_usd=self._cost(model, used) if usage else None))

    def _cost(self, model: str, used: TokenUsage) -> float | None:
        return None if self._prices is None else self._prices.cost(model, used)

    def _add(self, role: Role, model: str, used: TokenUsage) -> None:
        if not used.cached_calls:
            used = replace(used, calls=1)
        with self._lock:
            self._usage[role, model] = self._usage.get((role, model), TokenUsage()) + used
        if self._budget is not None and used.calls:
            self._budget.spend(used, model)

    def _keys(self) -> list[tuple[Role, str]]:
        with self._lock:
            return list(self._usage)

    def _sum(self, *, role: Role | None = None, model: str | None = None) -> TokenUsage:
        """Of one role, or one model, or all."""
        with self._lock:
            parts = [
                used
                for (of_role, of_model), used in self._usage.items()
                if role in (None, of_role) and model in (None, of_model)
            ]
        return functools.reduce(operator.add, parts, TokenUsage())


_of_attempt: contextvars.ContextVar[UsageHandler | None] = contextvars.ContextVar("attempt_usage", default=None)
_of_block: contextvars.ContextVar[UsageHandler | None] = contextvars.ContextVar("block_usage", default=None)
_role: contextvars.ContextVar[Role] = contextvars.ContextVar("role", default="target")
# LangChain's own `get_usage_metadata_callback` registers another hook at every call, and keeps them all.
register_configure_hook(_of_attempt, inheritable=True)
register_configure_hook(_of_block, inheritable=True)


@contextlib.contextmanager
def counting_attempt(handler: UsageHandler) -> Iterator[UsageHandler]:
    """Within it, `handler` counts every model call; in threads and tasks begun within it as well."""
    token = _of_attempt.set(handler)
    try:
        yield handler
    finally:
        _of_attempt.reset(token)


@contextlib.contextmanager
def counted_usage() -> Iterator[UsageHandler]:
    """Counts the model calls made within it, beside whatever counts those of the whole attempt."""
    handler = UsageHandler()
    token = _of_block.set(handler)
    try:
        yield handler
    finally:
        _of_block.reset(token)


@contextlib.contextmanager
def in_role(role: Role) -> Iterator[None]:
    """Within it, model calls are those of `role`."""
    token = _role.set(role)
    try:
        yield
    finally:
        _role.reset(token)


def priced(events: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """`events`, with the cost of each `usage` event that a price is known for, as the row has it."""
    handler = _of_attempt.get()
    return tuple(event if handler is None or event["type"] != "usage" else handler.priced(event) for event in events)


def answers(response: LLMResult) -> Iterator[AIMessage]:
    """The answer of each call in a result."""
    for generations in response.generations:
        for generation in generations[:1]:  # further choices of one call share its usage
            if isinstance(generation, ChatGeneration) and isinstance(generation.message, AIMessage):
                yield generation.message
