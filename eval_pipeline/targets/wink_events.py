"""Read the events of WINK (the library `weakincentives`) as telemetry events, without importing it."""

import importlib
from types import ModuleType
from typing import Any

from eval_pipeline.errors import PermanentError
from eval_pipeline.langsmith.protocol.jsonable import plain
from eval_pipeline.telemetry.event import Event


def weakincentives(module: str) -> ModuleType:
    """A module of `weakincentives`, such as `runtime.events`.

    Raises:
        PermanentError: the library is not installed.
    """
    try:
        return importlib.import_module(f"weakincentives.{module}")
    except ImportError as error:
        fix = "install `eval_pipeline[wink]`, on Python 3.12 or newer"
        raise PermanentError(f"WINK cannot be imported: {error}", fix=fix) from error


def tool_events(invoked: Any) -> tuple[Event, Event]:
    """The call and the result of a `ToolInvoked`."""
    call_id = str(invoked.call_id or invoked.event_id)
    params = plain(invoked.params)
    args = params if isinstance(params, dict) else {} if params is None else {"params": params}
    failed = getattr(invoked.result, "success", True) is False
    content = invoked.rendered_output or getattr(invoked.result, "message", None) or plain(invoked.result)
    result = {"type": "tool_result", "id": call_id, "name": invoked.name, "content": content}
    return (
        {"type": "tool_call", "id": call_id, "name": invoked.name, "args": args},
        {**result, "error": True} if failed else result,
    )


def usage_event(executed: Any) -> Event | None:
    """The tokens of a `PromptExecuted`, if the provider reported any."""
    usage = executed.usage
    if usage is None:
        return None
    counts = {name: getattr(usage, name, None) for name in ("input_tokens", "output_tokens", "cached_tokens")}
    return {"type": "usage", "model": str(executed.adapter), **{key: n for key, n in counts.items() if n is not None}}


def response_of(result: Any) -> Any:
    """The answer of a `PromptResponse`: its structured output, else its text."""
    output = getattr(result, "output", None)
    return plain(output) if output is not None else getattr(result, "text", None)
