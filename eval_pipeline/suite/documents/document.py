"""The base class of the models of documents, and the conversion of validation errors to problems."""

import reprlib
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from eval_pipeline.errors import Problem
from eval_pipeline.suite.documents.yaml_document import field_path, type_path
from eval_pipeline.wording import near_names

Location = Callable[[type_path], int | None]


class Document(BaseModel):
    """A part of `suite.yaml` or of a case: immutable, and an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    shorthands: ClassVar[frozenset[str]] = frozenset()
    """Names that stand for fields in another form, such as `input` of a case."""

    @classmethod
    def class_of(cls, data: Any) -> "DocumentClass":
        """The class that validates `data`; another one than this where the data names it (`type`, `kind`)."""
        del data
        return cls


DocumentClass = type[Document]
"""For annotations in classes that have a field `type`."""


def problems_of(
    error: ValidationError,
    *,
    model: type[BaseModel],
    data: Any,
    file: Path | str,
    case: str | None = None,
    line: Location | int | None = None,
) -> list[Problem]:
    """All errors of a validation as problems.

    Args:
        error: the error of validating `data` as `model`.
        model: the model; names of its fields are suggested for unknown ones.
        data: the plain data that was validated.
        file: the place of the data.
        case: the id of the case, if the data is a case.
        line: the line of the whole document, or a function from a path in it to a line.
    """
    return [_problem(details, model=model, data=data, file=file, case=case, line=line) for details in error.errors()]


def _problem(
    details: ErrorDetails,
    *,
    model: type[BaseModel],
    data: Any,
    file: Path | str,
    case: str | None,
    line: Location | int | None,
) -> Problem:
    path = _data_path(details["loc"], data)
    message, fix = _cause(details, model, data)
    return Problem(
        message=message,
        fix=fix,
        file=file,
        case=case,
        field=field_path(path) or None,
        line=line(path) if callable(line) else line,
    )


_UNION_TAGS = frozenset({"bool", "str", "int", "float", "ModelCache"})
"""What pydantic puts last where a union takes a plain value, or a model in its place; no field of ours is called so."""


def _data_path(loc: tuple[int | str, ...], data: Any) -> type_path:
    """`loc` without the union tags that pydantic puts between the keys of the data."""
    if len(loc) > 1 and loc[-1] in _UNION_TAGS:
        loc = loc[:-1]
    path: list[int | str] = []
    for position, part in enumerate(loc):
        last = position == len(loc) - 1
        # A union's tag may also be the name of a field (`file` in `{file: a.csv}`), but then its value has no keys.
        child = _child(data, part)
        if isinstance(child, dict | list) or last:
            path.append(part)
            data = child
    return tuple(path)


def _child(data: Any, part: int | str) -> Any:
    if isinstance(data, dict):
        return data.get(part)
    if isinstance(data, list) and isinstance(part, int) and part < len(data):
        return data[part]
    return None


def _cause(details: ErrorDetails, model: type[BaseModel], data: Any) -> tuple[str, str]:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "extra_forbidden":
        name = str(details["loc"][-1])
        fields = sorted(_known_fields(model, details["loc"][:-1], data))
        near = near_names(name, fields)
        return (
            f"unknown field {name!r}",
            f"did you mean {near[0]!r}?" if near else f"remove it; known fields are {', '.join(fields)}",
        )
    if kind == "missing":
        return f"field {details['loc'][-1]!r} is missing", "add it"
    if kind == "union_tag_not_found":
        return f"field {context['discriminator']} is missing", "add it, to say which kind this is"
    if kind == "union_tag_invalid":
        tags = _quoted(context["expected_tags"])
        near = near_names(str(context["tag"]), tags)
        suggestion = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(tags)}"
        return f"unknown {_quoted(context['discriminator'])[0]} {context['tag']!r}", suggestion
    fix = context.get("fix") if isinstance(context.get("fix"), str) else None
    if kind == "string_type" and not isinstance(details["input"], list | dict):
        fix = "write it in quotes"
    message = details["msg"].removeprefix("Value error, ").rstrip(".")
    return message[0].lower() + message[1:], fix or f"the value given is {_short(details['input'])}; correct it"


def _known_fields(model: type[BaseModel], loc: tuple[int | str, ...], data: Any) -> set[str]:
    candidates: list[type[BaseModel]] = [model]
    for part in loc:
        inner = _child(data, part)
        if isinstance(inner, dict | list):  # else it is the tag of a union
            data = inner
        if isinstance(part, str):
            inside = [field for candidate in candidates for field in _field_models(candidate, part)]
            tagged = [candidate for candidate in candidates if part in _tags(candidate)]
            candidates = inside or tagged or candidates
        if isinstance(data, dict):
            candidates = [_class_of(candidate, data) for candidate in candidates]
    named = {field.alias or name for candidate in candidates for name, field in candidate.model_fields.items()}
    return named.union(*(candidate.shorthands for candidate in candidates if issubclass(candidate, Document)))


def _class_of(model: type[BaseModel], data: Any) -> type[BaseModel]:
    return model.class_of(data) if issubclass(model, Document) else model


def _field_models(model: type[BaseModel], name: str) -> list[type[BaseModel]]:
    for field_name, field in model.model_fields.items():
        if name in (field_name, field.alias):
            return list(_models_in(field.annotation))
    return []


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if (
        isinstance(annotation, type)
        and not isinstance(annotation, types.GenericAlias)
        and issubclass(annotation, BaseModel)
    ):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _tags(model: type[BaseModel]) -> set[str]:
    """The values of the model's literal `type` or `kind` field, or its `tag`, by which a union chooses it."""
    tags = {str(getattr(model, "tag", ""))}
    for name in ("type", "kind"):
        if name in model.model_fields:
            tags |= {str(value) for value in get_args(model.model_fields[name].annotation)}
    return tags


def _quoted(text: str) -> list[str]:
    return [part.strip(" '\"") for part in text.split(",")]


def _short(value: Any) -> str:
    return reprlib.repr(value)
