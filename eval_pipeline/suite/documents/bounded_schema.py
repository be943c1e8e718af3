"""Validation by a JSON Schema in bounded time, which reads no URL and no file.

Patterns are searched by `regex`, which has a time limit and lets other threads run; `jsonschema` uses `re`.
"""

import functools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jsonschema
import regex
from jsonschema.exceptions import ValidationError, best_match
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import specification_with

from eval_pipeline.errors import InputError, Problem

_DEFAULT = "https://json-schema.org/draft/2020-12/schema"
_SECONDS = 2.0
_DATA = frozenset({"const", "default", "enum", "example", "examples"})
"""Keywords whose values are no schemas."""
_Keyword = Callable[..., Iterator[ValidationError] | None]


def schema_problem(schema: Mapping[str, Any]) -> str | None:
    """Why `schema` cannot be used; None if it can."""
    kind = jsonschema.validators.validator_for(schema)
    try:
        kind.check_schema(dict(schema))
        for pattern in _patterns(schema):
            regex.compile(pattern)
        resolver = _registry(schema).resolver(base_uri=_uri(schema))
        for reference in _references(schema):
            resolver.lookup(reference)
    except jsonschema.SchemaError as error:
        return str(error.message)
    except regex.error as error:
        return f"a pattern is not a regular expression: {error}"
    except Unresolvable as error:
        return f"{error.ref!r} is not in the schema, and nothing else is read: put it into `$defs`"
    except RecursionError:
        return "it is nested too deeply"
    if _has(schema, "unevaluatedProperties") and _has(schema, "patternProperties"):
        return "`unevaluatedProperties` beside `patternProperties` cannot be checked in bounded time"
    return None


def first_mistake(schema: Mapping[str, Any], data: Any) -> str | None:
    """The mistake in `data` that says most, with its place; None if the schema accepts it.

    Raises:
        InputError: the schema cannot be used, or the validation does not end in time.
    """
    kind = _bounded(jsonschema.validators.validator_for(schema), time.monotonic() + _SECONDS)
    try:
        mistake = best_match(kind(schema, registry=_registry(schema)).iter_errors(data))
    except TimeoutError as error:
        fix = "write patterns without nested repetition, such as `(a+)+`, and schemas without nested alternatives"
        raise InputError(Problem(message=f"the validation took longer than {_SECONDS:g} s", fix=fix)) from error
    except RecursionError as error:
        message = "the answer is nested too deeply, or the schema refers to itself without end"
        raise InputError(Problem(message=message, fix="correct the schema")) from error
    except (Unresolvable, regex.error, jsonschema.exceptions.UnknownType) as error:
        raise InputError(Problem(message=f"the schema cannot be used: {error}", fix="correct the schema")) from error
    return None if mistake is None else f"{mistake.json_path}: {mistake.message}"


def _bounded(kind: Any, end: float) -> Any:
    keywords = {name: _until(end, keyword) for name, keyword in kind.VALIDATORS.items()}
    own = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
    }
    keywords |= {name: _until(end, keyword, end) for name, keyword in own.items() if name in keywords}
    extend: Any = jsonschema.validators.extend
    return extend(kind, keywords)


def _until(end: float, keyword: Any, *arguments: Any) -> _Keyword:
    """A keyword that is not looked at any more after `end`."""

    @functools.wraps(keyword)
    def bounded(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if time.monotonic() > end:
            raise TimeoutError
        yield from keyword(validator, value, instance, schema, *arguments) or ()

    return bounded


def _matches(pattern: str, text: str, end: float) -> bool:
    seconds = end - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return regex.search(pattern, text, timeout=seconds, concurrent=True) is not None


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any, end: float) -> Iterator[ValidationError]:
    del schema
    if validator.is_type(instance, "string") and not _matches(pattern, instance, end):
        yield ValidationError(f"{instance[:200]!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, properties: Mapping[str, Any], instance: Any, schema: Any, end: float
) -> Iterator[ValidationError]:
    del schema
    if not validator.is_type(instance, "object"):
        return
    for pattern, subschema in properties.items():
        for name, value in instance.items():
            if _matches(pattern, name, end):
                yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, allowed: Any, instance: Any, schema: Any, end: float
) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    patterns = schema.get("patternProperties", {})
    others = [name for name in instance if name not in schema.get("properties", {})]
    extra = [name for name in others if not any(_matches(pattern, name, end) for pattern in patterns)]
    if validator.is_type(allowed, "object"):
        for name in extra:
            yield from validator.descend(instance[name], allowed, path=name)
    elif not allowed and extra:
        names = ", ".join(map(repr, extra[:10]))
        yield ValidationError(f"additional properties are not allowed: {names}")


def _unique_items(validator: Any, unique: Any, instance: Any, schema: Any, end: float) -> Iterator[ValidationError]:
    del schema, end
    if unique and validator.is_type(instance, "array"):
        forms = {json.dumps(_canonical(item), sort_keys=True) for item in instance}
        if len(forms) < len(instance):
            yield ValidationError("the items are not unique")


def _canonical(value: Any) -> Any:
    """A value in a form in which 1 and 1.0 are the same, as in JSON."""
    if isinstance(value, dict):
        return {name: _canonical(item) for name, item in value.items()}
    if isinstance(value, list):
        return list(map(_canonical, value))
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _registry(schema: Mapping[str, Any]) -> "Registry[Any]":
    """The schema itself, and no other; nothing is fetched."""
    specification = specification_with(str(schema.get("$schema", _DEFAULT)).rstrip("#"))
    resource: Resource[Any] = Resource.from_contents(dict(schema), default_specification=specification)
    registry: Registry[Any] = Registry().with_resource(_uri(schema), resource)
    return registry.crawl()


def _uri(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$id", ""))


def _walk(schema: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(schema, Mapping):
        yield schema
        for name, value in schema.items():
            if name not in _DATA:
                yield from _walk(value)
    elif isinstance(schema, list | tuple):
        for item in schema:
            yield from _walk(item)


def _patterns(schema: Any) -> Iterator[str]:
    for part in _walk(schema):
        if isinstance(part.get("pattern"), str):
            yield part["pattern"]
        if isinstance(part.get("patternProperties"), Mapping):
            yield from map(str, part["patternProperties"])


def _references(schema: Any) -> Iterator[str]:
    for part in _walk(schema):
        yield from (part[name] for name in ("$ref", "$dynamicRef") if isinstance(part.get(name), str))


def _has(schema: Any, keyword: str) -> bool:
    return any(keyword in part for part in _walk(schema))
