"""Counts what model calls use: tokens and money, by role and model.

LangChain calls a callback handler at the end of every model call, also of models that an agent opened itself. Calls
that LangSmith's `wrap_openai` and `@traceable` trace are counted when their runs are collected.
"""

import contextlib
import contextvars
import functools
import itertools
import operator
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.tracers.context import register_configure_hook
from typing_extensions import override

from eval_pipeline.errors import Problem
from eval_pipeline.langsmith.protocol.usage import RunUsage
from eval_pipeline.models.budget import Budget
from eval_pipeline.models.prices import PriceTable
from eval_pipeline.models.tool_costs import tool_costs
from eval_pipeline.results.usage import EVENT_FIELDS, AttemptUsage, CostShare, ModelUsage, TokenUsage

Role = Literal["target", "judge", "user"]
"""The role of the caller; `user` is a simulated one."""
UNNAMED = "a model without a name"


@dataclass(frozen=True, kw_only=True)
class CountedCall:
    """A model call that was counted."""

    model: str
    used: TokenUsage
    message_id: str | None
    """Of the message that it returned, if it has one."""

    def event(self, event_id: str) -> dict[str, Any]:
        """The call as a `usage` event."""
        counts = {field: getattr(self.used, name) for name, field in EVENT_FIELDS.items()}
        counted = {name: count for name, count in counts.items() if count or name in ("input_tokens", "output_tokens")}
        return {"type": "usage", "id": event_id, "model": self.model, **counted, "cost_usd": self.used.cost_usd}


@dataclass(kw_only=True)
class _Streamed:
    """The usage of the chunks of a streamed answer, which LangChain adds up."""

    parts: list[TokenUsage] = field(default_factory=list)

    @property
    def cumulative(self) -> TokenUsage | None:
        """The usage of the last chunk, if each repeats that of those before it; None if they are parts of a sum."""
        if len(self.parts) < 2 or not self.parts[0].input:  # noqa: PLR2004
            return None
        rising = all(
            one.input == other.input and one.output <= other.output for one, other in itertools.pairwise(self.parts)
        )
        return self.parts[-1] if rising else None


class UsageHandler(BaseCallbackHandler):
    """Counts model calls, each once, and charges them to a budget.

    It sees the calls of LangChain's models as their callback handler, those of `wrap_openai` and of functions traced as
    `llm` when their runs are collected (`count_traced`), and takes what a target reports as `usage` events for calls
    that it has not seen (`turn_events`).
    """

    run_inline = True
    """Counting is cheaper than handing it to a thread, and must be done when the attempt is."""
    ignore_chain = ignore_agent = ignore_retriever = ignore_custom_event = True

    def __init__(self, prices: PriceTable | None = None, budget: Budget | None = None) -> None:
        """Without `prices` no cost is known."""
        self._prices, self._budget = prices, budget
        self._lock = threading.Lock()
        self._begun: dict[UUID, tuple[Role, str]] = {}
        self._streamed: dict[UUID, _Streamed] = {}
        self._usage: dict[tuple[Role, str], TokenUsage] = {}
        self._callback_runs: set[str] = set()
        self._by_run: dict[str, TokenUsage] = {}
        self._around: set[str] = set()
        self._new: list[CountedCall] = []
        self._by_message: dict[str, CountedCall] = {}
        self._events: set[str] = set()
        self.problems: list[Problem] = []
        """What was reported and cannot be counted."""

    @property
    def total(self) -> TokenUsage:
        """Of all calls so far."""
        return self._sum()

    def of_role(self, role: Role) -> TokenUsage:
        """Of the calls of one role so far."""
        return self._sum(role=role)

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
        seen = bool(self._sum(role="target").calls)
        for event in events:
            # Of a resumed attempt, the events of turns that ended in another process.
            identity = event.get("id")
            counted = identity in self._events or identity in self._by_message if identity else seen
            if _is_usage(event) and event.get("counted") is not False and not counted:
                self._count_event(event)
        return AttemptUsage(**{role: self._sum(role=role) for role, _ in self._keys()})

    def costs(self, events: Iterable[Mapping[str, Any]]) -> tuple[CostShare, ...]:
        """What each model used in each role, and what the tools of the turns' `events` cost; after `of_attempt`."""
        with self._lock:
            used = sorted(self._usage.items())
        models = [CostShare(kind="model", role=role, name=model or UNNAMED, used=used) for (role, model), used in used]
        return (*models, *tool_costs(events))

    def turn_events(self, events: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
        """The events of a turn that ended now, with a `usage` event for each call of the target's, and its cost.

        An event with the id of a message is that call's; of several with one id, which repeat what came before, the
        last counts. One without an id is taken to report what calls that were seen in this turn have done. What does
        not count, because something else counts for it, has `counted: false`.
        """
        with self._lock:
            new, self._new = self._new, []
        listed, seen = list(events), bool(new)
        last = {event["id"]: number for number, event in enumerate(listed) if _is_usage(event) and event.get("id")}
        completed: list[Mapping[str, Any]] = []
        for number, event in enumerate(listed):
            if not _is_usage(event):
                completed.append(event)
                continue
            call = self._by_message.get(str(event.get("id")))
            repeated = event.get("id") and last[event["id"]] != number
            if repeated or (call is None and seen and not event.get("id")):
                completed.append({**event, "counted": False})
            elif call is not None:
                new = [other for other in new if other is not call]
                completed.append({**event, **self._named(call.event(str(event["id"])))})
            else:
                completed.append(self._count_event(event))
        return (*completed, *(self._named(call.event(uuid.uuid4().hex)) for call in new))

    def count_traced(
        self, run_id: str, around: Sequence[str], usage: Callable[[], RunUsage | None], *, model: str
    ) -> None:
        """Count a model call that was traced as a run, unless it was seen already or is around one that was.

        Args:
            run_id: of the run, which ended.
            around: the ids of the runs around it.
            usage: returns what the run states; None if it states nothing.
            model: its name, if it is known.
        """
        with self._lock:
            if run_id in self._around:
                return
            seen = run_id in self._callback_runs or run_id in self._by_run
        stated = None if seen else usage()
        if not seen and stated is None:
            return
        with self._lock:
            self._around.update(around)
        if stated is not None:
            used = TokenUsage.of_metadata(stated.metadata())
            cost = self._cost(model, used) if stated.total_cost is None else stated.total_cost
            self._add(_role.get(), model, replace(used, cost_usd=cost), run_id=run_id)

    def stated(self, run_id: str) -> Mapping[str, Any] | None:
        """The usage that the trace of a run states, so that a trace shows what was counted; None leaves it as it is."""
        with self._lock:
            used = TokenUsage() if run_id in self._around else self._by_run.get(run_id)
        if used is None:
            return None
        counts = {"input_tokens": used.input, "output_tokens": used.output, "total_tokens": used.total}
        read = {"cache_read": used.cached, "cache_creation": used.cache_write}
        details: dict[str, Any] = {
            "input_token_details": {name: count for name, count in read.items() if count},
            "output_token_details": {"reasoning": used.reasoning} if used.reasoning else {},
        }
        cost = {} if used.cost_usd is None else {"total_cost": used.cost_usd}
        return {**counts, **{name: value for name, value in details.items() if value}, **cost}

    @override
    def on_chat_model_start(self, serialized: dict[str, Any], messages: Any, *, run_id: UUID, **kwargs: Any) -> None:
        metadata = kwargs.get("metadata") or {}
        self._begun[run_id] = (_role.get(), str(metadata.get("ls_model_name") or ""))
        parent = kwargs.get("parent_run_id")
        with self._lock:
            self._callback_runs.add(str(run_id))
            if parent in self._begun:  # a model that calls another one, and states what that used
                self._around.add(str(parent))

    @override
    def on_llm_start(self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **kwargs: Any) -> None:
        self.on_chat_model_start(serialized, prompts, run_id=run_id, **kwargs)

    @override
    def on_llm_new_token(self, token: Any, *, chunk: Any = None, run_id: UUID, **kwargs: Any) -> None:
        usage = getattr(getattr(chunk, "message", None), "usage_metadata", None)
        if usage:
            self._streamed.setdefault(run_id, _Streamed()).parts.append(TokenUsage.of_metadata(usage))

    @override
    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        self._begun.pop(run_id, None)
        self._streamed.pop(run_id, None)

    @override
    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        role, named = self._begun.pop(run_id, (_role.get(), ""))
        streamed = self._streamed.pop(run_id, _Streamed()).cumulative
        if str(run_id) in self._around:
            return
        for message in answers(response):
            model = str(message.response_metadata.get("model_name") or named)
            self._count(role, message, model, run_id=str(run_id), streamed=streamed)

    def _count(self, role: Role, message: AIMessage, model: str, *, run_id: str, streamed: TokenUsage | None) -> None:
        usage: Mapping[str, Any] | None = message.usage_metadata
        if usage is not None and usage.get("total_cost") == 0:  # LangChain's mark of an answer from a cache
            self._add(role, model, TokenUsage(cached_calls=1), run_id=run_id, message_id=message.id)
            return
        used = TokenUsage.of_metadata(usage or {}) if streamed is None else streamed
        used = replace(used, cost_usd=self._cost(model, used) if usage else None)
        self._add(role, model, used, run_id=run_id, message_id=message.id)

    def _count_event(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Count what the target reports. Returns the event with its cost, and an id."""
        used, model = TokenUsage.of_event(event), str(event.get("model") or "")
        cost = event.get("cost_usd")
        cost = self._cost(model, used) if cost is None else float(cost)
        self._add("target", model, replace(used, cost_usd=cost), reported=True)
        return self._named({**event, "id": event.get("id") or uuid.uuid4().hex, "cost_usd": cost})

    def _named(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        self._events.add(event["id"])
        return event

    def _cost(self, model: str, used: TokenUsage) -> float | None:
        return None if self._prices is None else self._prices.cost(model, used)

    def _add(
        self,
        role: Role,
        model: str,
        used: TokenUsage,
        *,
        run_id: str | None = None,
        message_id: str | None = None,
        reported: bool = False,
    ) -> None:
        if used.negative:
            fix = "correct the model's client or the `usage` event"
            self.problems.append(
                Problem(message=f"{model or UNNAMED} reported negative counts of tokens: {used.negative}", fix=fix)
            )
            return
        if not used.cached_calls:
            used = replace(used, calls=1)
        call = CountedCall(model=model, used=used, message_id=message_id)
        with self._lock:
            self._usage[role, model] = self._usage.get((role, model), TokenUsage()) + used
            if run_id is not None:
                self._by_run[run_id] = self._by_run.get(run_id, TokenUsage()) + used
            if role == "target" and used.total and not reported:
                self._new.append(call)
            if role == "target" and message_id:
                self._by_message[message_id] = call
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


def attempt_usage() -> UsageHandler | None:
    """What counts the calls of the attempt in progress here, if there is one."""
    return _of_attempt.get()


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


def turn_events(events: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """The events of a turn that ended now, as `UsageHandler.turn_events` of this attempt completes them."""
    handler = _of_attempt.get()
    return tuple(events) if handler is None else handler.turn_events(events)


def _is_usage(event: Mapping[str, Any]) -> bool:
    return bool(event["type"] == "usage")


def answers(response: LLMResult) -> Iterator[AIMessage]:
    """The answer of each call in a result."""
    for generations in response.generations:
        for generation in generations[:1]:  # further choices of one call share its usage
            if isinstance(generation, ChatGeneration) and isinstance(generation.message, AIMessage):
                yield generation.message
