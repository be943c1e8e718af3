"""Calling a callable of the user's with those of the known values that its signature asks for.

Belongs here: that rule, which targets and assertions share. Does not belong here: what the values are.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from eval_pipeline.errors import InputError, Problem


async def call_with_known(call: Callable[..., Any], known: Mapping[str, Any]) -> Any:
    """Call `call` with the values of `known` that it names, sync in a thread, async as it is.

    A callable that takes `**kwargs` gets all of them; one whose only parameter has another name gets the first value.

    Raises:
        InputError: it wants something that is not known.
    """
    arguments = _arguments(call, known)
    if inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None)):  # noqa: B004
        return await call(**arguments)
    returned = await asyncio.to_thread(call, **arguments)
    return await returned if inspect.isawaitable(returned) else returned


def _arguments(call: Callable[..., Any], known: Mapping[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(call).parameters.values()
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return dict(known)
    named = [parameter for parameter in parameters if parameter.kind is not inspect.Parameter.VAR_POSITIONAL]
    required = [parameter.name for parameter in named if parameter.default is inspect.Parameter.empty]
    if len(required) == 1 and required[0] not in known:
        return {required[0]: next(iter(known.values()))}
    unknown = [name for name in required if name not in known]
    if unknown:
        shown = getattr(call, "__qualname__", repr(call))
        fix = f"ask for some of: {', '.join(known)}"
        raise InputError(Problem(message=f"{shown} asks for {', '.join(unknown)}, which is not known here", fix=fix))
    return {parameter.name: known[parameter.name] for parameter in named if parameter.name in known}
