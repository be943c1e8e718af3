"""Calling a callable of the user's with those of the known values that its signature asks for."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.user_code.own_thread import in_own_thread


@dataclass(frozen=True, kw_only=True)
class WhenAsked:
    """A known value that takes work: it is made for a callable that asks for it."""

    make: Callable[[], Any]


async def call_with_known(call: Callable[..., Any], known: Mapping[str, Any]) -> Any:
    """Call `call` with the values of `known` that it names, sync in a thread of its own, async as it is.

    A callable that takes `**kwargs` gets all of them; the only one that must be given gets the first value if it has
    another name.

    Raises:
        InputError: it wants something that is not known.
    """
    given = _arguments(call, known)
    if inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None)):  # noqa: B004
        return await call(*given.args, **given.kwargs)
    returned = await in_own_thread(call, *given.args, **given.kwargs)
    return await returned if inspect.isawaitable(returned) else returned


def required_names(call: Callable[..., Any]) -> list[str]:
    """The parameters that must be given, in order."""
    return _required_names(_signature(call))


def _signature(call: Callable[..., Any]) -> inspect.Signature:
    try:
        return _read_signature(call)
    except TypeError:  # it has no hash, or is nothing to be called
        return inspect.signature(call)


# Few, since callables made for one attempt come too; they differ from attempt to attempt.
_read_signature = functools.lru_cache(maxsize=32)(inspect.signature)


def _required_names(signature: inspect.Signature) -> list[str]:
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = signature.parameters.values()
    return [
        found.name for found in parameters if found.default is inspect.Parameter.empty and found.kind not in several
    ]


def _arguments(call: Callable[..., Any], known: Mapping[str, Any]) -> inspect.BoundArguments:
    signature = _signature(call)
    required = _required_names(signature)
    if len(required) == 1 and required[0] not in known:
        known = {**known, required[0]: next(iter(known.values()))}
    unknown = [name for name in required if name not in known]
    if unknown:
        shown = getattr(call, "__qualname__", repr(call))
        fix = f"ask for some of: {', '.join(known)}"
        raise InputError(Problem(message=f"{shown} asks for {', '.join(unknown)}, which is not known here", fix=fix))
    given = signature.bind_partial()
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            given.arguments[name] = {
                key: _made(value) for key, value in known.items() if key not in signature.parameters
            }
        elif parameter.kind is not inspect.Parameter.VAR_POSITIONAL and name in known:
            given.arguments[name] = _made(known[name])
    return given


def _made(value: Any) -> Any:
    return value.make() if isinstance(value, WhenAsked) else value
