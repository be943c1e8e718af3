"""What a graph takes: the keys of its input and state, and the fields of its runtime context."""

import dataclasses
import typing
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from langchain_core.runnables import Runnable
from langgraph.graph import StateGraph
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from eval_pipeline.targets.graphs.memory import AnyGraph

InputKind = Literal["keys", "anything", "text", "messages"]
MESSAGES = "messages"
ASKED = ("input", "question", "query", "message", "prompt", "text", "user_input", "topic")
"""Keys that take the text of a turn where a graph takes several, the first that it has."""


@dataclass(frozen=True, kw_only=True)
class GraphSchema:
    """The schema of a graph, as far as it has one."""

    kind: InputKind = "anything"
    """What it takes: a mapping with `keys`, text, a list of messages, or anything (a mapping, most likely)."""
    keys: tuple[str, ...] = ()
    """The keys of its input."""
    state: tuple[str, ...] | None = None
    """The keys of its state; None if they are not known."""
    context: type[Any] | None = None

    @classmethod
    def of(cls, graph: AnyGraph, inner: Runnable[Any, Any] | None = None) -> Self:
        """The schema of a graph, or of the runnable `inner` that it runs."""
        context = graph.context_schema
        if inner is not None and not hasattr(inner, "builder"):
            kind, keys = _of_json_schema(_json_schema(inner))
            return cls(kind=kind, keys=keys, context=context)
        builder = getattr(inner or graph, "builder", None)
        if isinstance(builder, StateGraph):
            channels = graph.channels if inner is None else getattr(inner, "channels", {})
            state = tuple(name for schema in builder.schemas.values() for name in schema if name in channels)
            keys = tuple(name for name in builder.schemas[builder.input_schema] if name in channels)
            if keys == ("__root__",):
                return cls(kind="messages", context=context)
            return cls(kind="keys", keys=keys, state=tuple(dict.fromkeys(state)), context=context)
        kind, keys = _of_type(graph.InputType)
        return cls(kind=kind, keys=keys, context=context)

    @classmethod
    def of_server(cls, schemas: Mapping[str, Any]) -> Self:
        """The schema that a LangGraph server gives, as JSON schemas."""
        kind, keys = _of_json_schema(schemas.get("input_schema") or {})
        state = tuple((schemas.get("state_schema") or {}).get("properties") or ())
        return cls(kind=kind, keys=keys, state=state or None)

    def takes(self, key: str) -> bool:
        """Whether a mapping with `key` may be its input."""
        return self.kind == "anything" or key in self.keys

    @property
    def text_key(self) -> str | None:
        """The key of the input that takes text: the only one, or the first of `ASKED` that it has."""
        if len(self.keys) == 1:
            return self.keys[0]
        return next((key for key in ASKED if key in self.keys), None)


def fields_of(schema: type[Any] | None) -> tuple[str, ...]:
    """The fields of a dataclass, a pydantic model or a typed dictionary; empty for any other class."""
    if schema is None:
        return ()
    if dataclasses.is_dataclass(schema):
        return tuple(field.name for field in dataclasses.fields(schema) if field.init)
    if issubclass(schema, BaseModel):
        return tuple(schema.model_fields)
    return tuple(typing.get_type_hints(schema)) if hasattr(schema, "__required_keys__") else ()


def context_problems(schema: type[Any] | None, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with the values of a runtime context: `(field, message)` of each."""
    fields = fields_of(schema)
    if schema is None or not fields:
        return []
    unknown = [(name, f"{schema.__name__} has no such field") for name in values if name not in fields]
    missing = [(name, f"{schema.__name__} requires it") for name in _required(schema) if name not in values]
    return [*missing, *unknown, *_of_wrong_types(schema, values, besides={name for name, _ in (*missing, *unknown)})]


def _required(schema: type[Any]) -> Iterable[str]:
    if dataclasses.is_dataclass(schema):
        for field in dataclasses.fields(schema):
            if field.init and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                yield field.name
    elif issubclass(schema, BaseModel):
        yield from (name for name, field in schema.model_fields.items() if field.is_required())
    else:
        yield from sorted(getattr(schema, "__required_keys__", ()))


def _of_wrong_types(
    schema: type[Any], values: Mapping[str, Any], *, besides: Collection[str]
) -> Iterable[tuple[str, str]]:
    try:
        hints = typing.get_type_hints(schema)
    except Exception:  # noqa: BLE001 - annotations that cannot be evaluated
        return
    for name, value in values.items():
        if name in besides or name not in hints:
            continue
        try:
            TypeAdapter(hints[name], config=ConfigDict(arbitrary_types_allowed=True)).validate_python(value)
        except ValidationError as error:
            yield name, error.errors()[0]["msg"]
        except Exception:  # noqa: BLE001, S112 - a type that pydantic cannot check, such as a model with its own config
            continue


def _of_type(kind: Any) -> tuple[InputKind, tuple[str, ...]]:
    """What an entrypoint takes, by the annotation of its parameter."""
    if kind is str:
        return "text", ()
    if typing.get_origin(kind) is list or kind is list:
        return "messages", ()
    if isinstance(kind, type) and (names := fields_of(kind)):
        return "keys", names
    return "anything", ()


def _json_schema(runnable: Runnable[Any, Any]) -> Mapping[str, Any]:
    try:
        return runnable.get_input_jsonschema()
    except Exception:  # noqa: BLE001 - types that have no JSON schema
        return {}


def _of_json_schema(schema: Mapping[str, Any]) -> tuple[InputKind, tuple[str, ...]]:
    properties = tuple(schema.get("properties") or ())
    if properties:
        return "keys", properties
    if schema.get("type") == "string":
        return "text", ()
    # What chat models take: text, messages, or a prompt's value.
    forms = schema.get("anyOf") or schema.get("oneOf") or ()
    takes_list = any(isinstance(form, Mapping) and form.get("type") == "array" for form in forms)
    return ("messages", ()) if takes_list or schema.get("type") == "array" else ("anything", ())
