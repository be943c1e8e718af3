"""Chat models whose failed calls are retried, and which keep to a run's limits.

A managed model is an instance of a subclass of its provider's class, so that `bind_tools`, `with_structured_output`
and `isinstance` work as before. Every try is a run of its own in a trace.
"""

import contextlib
import contextvars
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import RunnableConfig
from tenacity import AttemptManager
from typing_extensions import override

from eval_pipeline.models.calls.governor import CalledModel, Governor, Lease, current_governor
from eval_pipeline.models.calls.retrying import async_tries, tries

_leased: contextvars.ContextVar[tuple[CalledModel, Lease | None] | None] = contextvars.ContextVar(
    "leased", default=None
)
"""The model whose call is being tried here, and the lease of the try."""

# With LangChain's own class as a base, its defaults would come before the provider's.
if TYPE_CHECKING:
    _Model = BaseChatModel
else:
    _Model = object


def is_managed_call() -> bool:
    """Whether a call of a managed model is being tried here."""
    return _leased.get() is not None


def managed(model: BaseChatModel, called: CalledModel) -> BaseChatModel:
    """A managed copy of `model`; the model itself is unchanged."""
    provider = type(model)
    fields = {
        "__module__": provider.__module__,  # with its name, what traces and caches call the model
        "__qualname__": provider.__qualname__,
        "__doc__": provider.__doc__,
        "__annotations__": {"called": ClassVar[CalledModel]},
        "called": called,
    }
    copy = model.model_copy(update={"rate_limiter": _LeasedLimiter(model.rate_limiter)})
    metaclass: Any = type(provider)
    copy.__class__ = metaclass(provider.__name__, (_Managed, provider), fields)
    return copy


class _Managed(_Model):
    """The calls; a mixin in front of a provider's class."""

    called: ClassVar[CalledModel]

    @override
    def generate(self, *args: Any, **kwargs: Any) -> LLMResult:
        if self._is_leased():
            return super().generate(*args, **kwargs)
        governor = current_governor()
        caching = self._caching(governor)
        with self._giving_up(governor):
            for each in tries(governor, self.called):
                with each, self._lease(governor) as lease, self._within(lease):
                    result = super(_Managed, caching).generate(*args, **_with_own_run_id(kwargs, each))
                    _count(lease, _messages(result))
                    return result
        raise AssertionError

    @override
    async def agenerate(self, *args: Any, **kwargs: Any) -> LLMResult:
        if self._is_leased():
            return await super().agenerate(*args, **kwargs)
        governor = current_governor()
        caching = self._caching(governor)
        with self._giving_up(governor):
            async for each in async_tries(governor, self.called):
                with each, self._lease(governor) as lease, self._within(lease):
                    result = await super(_Managed, caching).agenerate(*args, **_with_own_run_id(kwargs, each))
                    _count(lease, _messages(result))
                    return result
        raise AssertionError

    @override
    def stream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[AIMessageChunk]:
        if self._is_leased():
            yield from super().stream(input, config, **kwargs)
            return
        governor, passed_on = current_governor(), threading.Event()
        with self._giving_up(governor):
            for each in tries(governor, self.called, began=passed_on.is_set):
                with each, self._lease(governor) as lease:
                    chunks = super().stream(input, _with_own_run_id(config, each), **kwargs)
                    while True:
                        # Between chunks the context is the consumer's, who may make calls of its own.
                        with self._within(lease):
                            chunk = next(chunks, None)
                        if chunk is None:
                            break
                        passed_on.set()
                        _count(lease, [chunk])
                        yield chunk

    @override
    async def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[AIMessageChunk]:
        if self._is_leased():
            async for chunk in super().astream(input, config, **kwargs):
                yield chunk
            return
        governor, passed_on = current_governor(), threading.Event()
        with self._giving_up(governor):
            async for each in async_tries(governor, self.called, began=passed_on.is_set):
                with each, self._lease(governor) as lease:
                    chunks = super().astream(input, _with_own_run_id(config, each), **kwargs)
                    while True:
                        with self._within(lease):
                            following = await anext(chunks, None)
                        if following is None:
                            break
                        passed_on.set()
                        _count(lease, [following])
                        yield following

    def _is_leased(self) -> bool:
        """Whether LangChain makes this call from within another call of the same model."""
        outer = _leased.get()
        return outer is not None and outer[0] is self.called

    def _caching(self, governor: Governor | None) -> "_Managed":
        """This model with the run's cache, unless the user gave it a cache of its own."""
        cache = None if governor is None or self.cache is not None else governor.cache(self.called)
        return self if cache is None else self.model_copy(update={"cache": cache})

    @contextlib.contextmanager
    def _lease(self, governor: Governor | None) -> Iterator[Lease | None]:
        lease = None if governor is None else governor.lease(self.called)
        try:
            yield lease
        except BaseException as error:
            if lease is not None:
                lease.settle(error)
            raise
        if lease is not None:
            lease.settle(None)

    @contextlib.contextmanager
    def _within(self, lease: Lease | None) -> Iterator[None]:
        token = _leased.set((self.called, lease))
        try:
            yield
        finally:
            _leased.reset(token)

    @contextlib.contextmanager
    def _giving_up(self, governor: Governor | None) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if governor is not None:
                governor.gave_up(self.called, error)
            raise


class _LeasedLimiter(BaseRateLimiter):
    """The lease of the try, then the model's own limiter; LangChain acquires it before an uncached call."""

    def __init__(self, own: BaseRateLimiter | None) -> None:
        self._own = own

    @override
    def acquire(self, *, blocking: bool = True) -> bool:
        leased = _leased.get()
        if leased is not None and leased[1] is not None:
            leased[1].acquire()
        return self._own is None or self._own.acquire(blocking=blocking)

    @override
    async def aacquire(self, *, blocking: bool = True) -> bool:
        leased = _leased.get()
        if leased is not None and leased[1] is not None:
            await leased[1].aacquire()
        return self._own is None or await self._own.aacquire(blocking=blocking)


def _messages(result: LLMResult) -> Iterator[BaseMessage]:
    for generation in (choice for choices in result.generations for choice in choices):
        if isinstance(generation, ChatGeneration):
            yield generation.message


def _count(lease: Lease | None, messages: Iterable[BaseMessage]) -> None:
    for message in messages:
        usage = getattr(message, "usage_metadata", None)
        if lease is not None and usage:
            lease.used(usage["total_tokens"])


def _with_own_run_id(options: Any, each: AttemptManager) -> Any:
    """`options` without a run id that the caller chose, from the second try on: two runs cannot have the same one."""
    if each.retry_state.attempt_number == 1 or not options or options.get("run_id") is None:
        return options
    return {**options, "run_id": None}
