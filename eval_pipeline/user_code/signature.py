"""Calling a callable of the user's with those of some values that its signature names."""

import contextlib
import functools
import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.user_code.own_thread import in_own_thread

_bound_only: ContextVar[bool] = ContextVar("eval_pipeline_bound_only", default=False)


@dataclass(frozen=True, kw_only=True)
class LazyValue:
    """A value that takes work: it is computed for a callable that names it."""

    compute: Callable[[], Any]


class SignatureError(InputError):
    """A callable requires something that it cannot have where it is called."""


class NotCalledError(Exception):
    """Within `bound_only`, the callable could be called with what it would get."""


@contextlib.contextmanager
def bound_only() -> Iterator[None]:
    """Within, `call_by_signature` binds arguments, and raises `NotCalledError` instead of calling."""
    token = _bound_only.set(True)
    try:
        yield
    finally:
        _bound_only.reset(token)


async def call_by_signature(
    call: Callable[..., Any], values: Mapping[str, Any], *, in_thread: Callable[..., Awaitable[Any]] = in_own_thread
) -> Any:
    """Call `call` with those of `values` that its signature names: sync `in_thread`, async as it is.

    A callable that takes `**kwargs` gets all of them. The only required parameter gets the first value if it has
    another name.

    Raises:
        SignatureError: it requires something that is not among the values.
        NotCalledError: within `bound_only`.
    """
    if _bound_only.get():
        _require_known(_signature(call), values, call)
        raise NotCalledError
    given = _arguments(call, values)
    if inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None)):  # noqa: B004
        return await call(*given.args, **given.kwargs)
    returned = await in_thread(call, *given.args, **given.kwargs)
    return await returned if inspect.isawaitable(returned) else returned


def takes(call: Callable[..., Any], name: str) -> bool:
    """Whether `call_by_signature` gives it the value called `name`, or may, where its signature is not known."""
    try:
        parameters = _signature(call).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(each.name == name or each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters)


def required_names(call: Callable[..., Any]) -> list[str]:
    """The parameters without a default, in order."""
    return _required_names(_signature(call))


def _signature(call: Callable[..., Any]) -> inspect.Signature:
    try:
        return _cached_signature(call)
    except TypeError:  # it has no hash, or cannot be called
        return inspect.signature(call)


# Few: among the callables are those that are made for one attempt.
_cached_signature = functools.lru_cache(maxsize=32)(inspect.signature)


def _required_names(signature: inspect.Signature) -> list[str]:
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.default is inspect.Parameter.empty and parameter.kind not in several
    ]


def _arguments(call: Callable[..., Any], values: Mapping[str, Any]) -> inspect.BoundArguments:
    signature = _signature(call)
    required = _required_names(signature)
    if len(required) == 1 and required[0] not in values:
        values = {**values, required[0]: next(iter(values.values()))}
    _require_known(signature, values, call)
    given = signature.bind_partial()
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            others = values.keys() - signature.parameters.keys()
            given.arguments[name] = {key: _computed(value) for key, value in values.items() if key in others}
        elif parameter.kind is not inspect.Parameter.VAR_POSITIONAL and name in values:
            given.arguments[name] = _computed(values[name])
    return given


def _require_known(signature: inspect.Signature, values: Mapping[str, Any], call: Callable[..., Any]) -> None:
    required = _required_names(signature)
    missing = [name for name in required if name not in values]
    if missing and len(required) > 1:  # the only one gets the first value
        shown = getattr(call, "__qualname__", repr(call))
        message = f"{shown} asks for {', '.join(missing)}, which it cannot have here"
        raise SignatureError(Problem(message=message, fix=f"ask for some of: {', '.join(values)}"))


def _computed(value: Any) -> Any:
    return value.compute() if isinstance(value, LazyValue) else value
