"""A page of every field of a document, from its JSON schema: one section a model, one row a field."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from eval_pipeline.suite.spec.assertion import ASSERTIONS

Schema = Mapping[str, Any]

_VARIABLE = r"\$\{"
_MOST_CHOICES = 8
_EXAMPLES = {
    kind: kind_class.examples for kind, kind_class in zip(ASSERTIONS.names(), ASSERTIONS.classes(), strict=True)
}
_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def fields_page(title: str, schema: Schema, *, beside: tuple[str, Schema] | None = None) -> str:
    """The page, in Markdown.

    Args:
        title: the page's heading.
        schema: the JSON schema of the document; models are its `$defs`.
        beside: the name and schema of another page, to which links go for models that it has.
    """
    elsewhere = {} if beside is None else dict.fromkeys(beside[1]["$defs"], beside[0])
    models = {name: model for name, model in schema["$defs"].items() if name not in elsewhere}
    lines = [f"# {title}", ""]
    if "properties" in schema:
        lines += _section(None, schema, elsewhere)
    for name in sorted(models, key=lambda each: (_rank(each, schema), each)):
        lines += _section(name, models[name], elsewhere)
    return "\n".join(lines) + "\n"


def fields_of(schema: Schema) -> Iterator[tuple[str, str, Schema]]:
    """Each model's name, field and the field's schema; the name is empty for the document itself."""
    for name, model in {"": schema, **schema["$defs"]}.items():
        for field, value in _properties(model).items():
            yield name, field, value


def _rank(name: str, schema: Schema) -> int:
    """Where the document first refers to a model, so that sections stand in the order of reading."""
    position = json.dumps(schema.get("properties", {})).find(f'#/$defs/{name}"')
    return position if position >= 0 else len(json.dumps(schema))


def _section(name: str | None, model: Schema, elsewhere: Mapping[str, str]) -> list[str]:
    properties = _properties(model)
    constant = next(
        (str(field["const"]) for key, field in properties.items() if key in ("type", "kind") and "const" in field), None
    )
    lines = []
    if name is not None:
        lines = [f"## {name} {{#{name}}}" if constant is None else f"## {name}: `{constant}` {{#{name}}}", ""]
    if description := model.get("description"):
        lines += [_text(str(description)), ""]
    if properties:
        required = set(_object(model).get("required", ()))
        lines += ["| field | value | default | meaning |", "|---|---|---|---|"]
        for field, value in properties.items():
            default = "required" if field in required else _default(value)
            lines.append(
                f"| `{field}` | {_cell(_type(value, elsewhere))} | {default} | {_cell(_meaning(field, value))} |"
            )
        lines.append("")
    if examples := _EXAMPLES.get(constant or ""):
        lines += ["| example | passes | fails |", "|---|---|---|"]
        lines += [f"| {' | '.join(f'`{_cell(text)}`' for text in example)} |" for example in examples] + [""]
    return lines


def _object(model: Schema) -> Schema:
    """The form of a model that is a mapping, where a short form stands beside it."""
    if "properties" in model:
        return model
    return next((each for each in model.get("anyOf", ()) if "properties" in each), {})


def _properties(model: Schema) -> Mapping[str, Schema]:
    properties: Mapping[str, Schema] = _object(model).get("properties", {})
    return properties


def _meaning(field: str, value: Schema) -> str:
    if "const" in value:
        return f"Chooses this {field}."
    return _text(str(value.get("description", "")))


def _type(value: Schema, elsewhere: Mapping[str, str]) -> str:
    """What a value may be, in words."""
    if "$ref" in value:
        name = str(value["$ref"]).rpartition("/")[2]
        return f"[{name}]({elsewhere.get(name, '')}#{name})"
    if "const" in value or "enum" in value:
        return " or ".join(f"`{each}`" for each in value.get("enum", [value.get("const")]))
    choices = [each for each in value.get("anyOf", value.get("oneOf", ())) if each.get("pattern") != _VARIABLE]
    if choices:
        kinds = list(dict.fromkeys(_type(each, elsewhere) for each in choices))
        return " or ".join(kinds) if len(kinds) <= _MOST_CHOICES else f"one of {len(kinds)} kinds, from {kinds[0]} on"
    return _plain_type(value, elsewhere)


def _plain_type(value: Schema, elsewhere: Mapping[str, str]) -> str:
    kind, items, values = value.get("type"), value.get("items"), value.get("additionalProperties")
    if kind == "array" and items:
        one = _type(items, elsewhere)
        return f"list of {f'({one})' if ' or ' in one else one}"
    if kind == "object" and isinstance(values, Mapping) and values:
        return f"mapping of names to {_type(values, elsewhere)}"
    kinds = kind if isinstance(kind, list) else [kind]
    bounds = ", ".join(f"{sign} {value[name]}" for name, sign in _BOUNDS.items() if name in value)
    return " ".join(filter(None, [" or ".join(_NAMES.get(str(each), "any value") for each in kinds), bounds]))


_NAMES = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "object": "mapping",
    "array": "list",
}


def _default(value: Schema) -> str:
    if "default" not in value or value["default"] in (None, "", [], {}):
        return "none"
    if isinstance(value["default"], Mapping):
        return "its defaults"
    return f"`{json.dumps(value['default'], ensure_ascii=False)}`"


def _text(text: str) -> str:
    """The text of a docstring as one paragraph a block; examples stay as they are."""
    return text.strip()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
