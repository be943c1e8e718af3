"""Transformations of datasets: what is done with the inputs and outputs of an example before they are stored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval_pipeline.errors import InputError
from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse, unprocessable
from eval_pipeline.messages import as_openai, read_messages

_OF_OURS = ("usage", "reasoning_content", "status")
"""Fields of `as_openai` that messages of OpenAI do not have."""
TOOLS = "extract_tools_from_run"


@dataclass(frozen=True, kw_only=True)
class ExampleSource:
    """What transformations may look at beside the value: its schema, and the tools of the run it comes from."""

    schema: Mapping[str, Any] | None
    tools: Sequence[Any] | None


def check_transformations(transformations: Any) -> None:
    """Refuse transformations that are none.

    Raises:
        ErrorResponse: 422 for another form, 400 for a type that does not exist.
    """
    if transformations is None:
        return
    if not isinstance(transformations, list):
        raise unprocessable("transformations: Input should be a valid list")
    for number, each in enumerate(transformations):
        path = each.get("path") if isinstance(each, Mapping) else None
        if not isinstance(path, list) or not path or path[0] not in ("inputs", "outputs"):
            raise unprocessable(f"transformations.{number}.path: a list that begins with inputs or outputs is needed")
        if not all(isinstance(part, str) for part in path):
            raise unprocessable(f"transformations.{number}.path: Input should be a valid list of strings")
        if each.get("transformation_type") not in _ORDER:
            detail = f"transformation_type {each.get('transformation_type')!r} is not one of {', '.join(_ORDER)}"
            raise ErrorResponse(400, {"detail": detail})


def transformed(
    body: Mapping[str, Any], transformations: Sequence[Mapping[str, Any]], sources: Mapping[str, ExampleSource]
) -> dict[str, Any]:
    """An example with the transformations of its dataset done; `sources` by `inputs` and `outputs`.

    Raises:
        ErrorResponse: 422 for a value that one cannot be done with.
    """
    done = dict(body)
    for each in sorted(transformations, key=lambda each: _ORDER.index(each["transformation_type"])):
        kind, *rest = each["path"]
        if isinstance(done.get(kind), Mapping):
            done[kind] = _at(done[kind], rest, each["transformation_type"], sources[kind])
    return done


def _at(value: Any, path: Sequence[str], name: str, source: ExampleSource) -> Any:
    if not path:
        return _TRANSFORMATIONS[name](value, source)
    first, *rest = path
    if isinstance(value, list):
        return [_at(item, path, name, source) for item in value]
    is_added = name == TOOLS and source.tools is not None and not rest
    if not isinstance(value, Mapping) or (first not in value and not is_added):
        return value
    below = (source.schema or {}).get("properties", {}).get(first)
    inner = ExampleSource(schema=below if isinstance(below, Mapping) else None, tools=source.tools)
    return {**value, first: _at(value.get(first), rest, name, inner)}


def _to_openai_messages(value: Any, _source: ExampleSource) -> Any:
    try:
        messages = [as_openai(message) for message in read_messages(value)]
    except InputError as error:
        raise unprocessable(f"convert_to_openai_message: {error}") from error
    plain = [{key: item for key, item in message.items() if key not in _OF_OURS} for message in messages]
    return plain if isinstance(value, list) else plain[0]


def _to_openai_tools(value: Any, source: ExampleSource) -> Any:
    from langchain_core.utils.function_calling import convert_to_openai_tool  # noqa: PLC0415 - slow to import

    if isinstance(value, list):
        return [_to_openai_tools(item, source) for item in value]
    try:
        return convert_to_openai_tool(value)
    except (TypeError, ValueError) as error:
        raise unprocessable(f"convert_to_openai_tool: {error}") from error


def _without_system_messages(value: Any, _source: ExampleSource) -> Any:
    return [item for item in value if not _is_system(item)] if isinstance(value, list) else value


def _is_system(item: Any) -> bool:
    try:
        return all(message.role == "system" for message in read_messages([item]))
    except InputError:
        return False


def _without_extra_fields(value: Any, source: ExampleSource) -> Any:
    properties = (source.schema or {}).get("properties")
    if not isinstance(value, Mapping) or not isinstance(properties, Mapping):
        return value
    return {key: item for key, item in value.items() if key in properties}


def _tools_of_run(value: Any, source: ExampleSource) -> Any:
    return value if source.tools is None else list(source.tools)


_TRANSFORMATIONS: Mapping[str, Callable[[Any, ExampleSource], Any]] = {
    "convert_to_openai_message": _to_openai_messages,
    "convert_to_openai_tool": _to_openai_tools,
    "remove_system_messages": _without_system_messages,
    "remove_extra_fields": _without_extra_fields,
    TOOLS: _tools_of_run,
}
_ORDER = (TOOLS, *(name for name in _TRANSFORMATIONS if name != TOOLS))
"""The order in which they are done; the published one, but tools are taken from the run before they are converted."""
