"""The JSON schemas of `suite.yaml` and of files of cases, for editors: the models, with the short forms they take."""

import ast
import functools
import inspect
import itertools
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from eval_pipeline.suite.case import Case
from eval_pipeline.suite.suite import SuiteSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = {"type": "string", "pattern": r"\$\{"}
"""`${NAME}` in place of a value that is no text."""
_SCALARS = frozenset({"integer", "number", "boolean"})


def suite_schema() -> dict[str, Any]:
    """The schema of `suite.yaml`."""
    schema = _schema_of(SuiteSpec)
    properties, definitions = schema["properties"], schema["$defs"]
    source = {"anyOf": [{"type": "string"}, properties["cases"]["items"]]}
    properties["cases"] = _one_or_several(source, properties["cases"])
    compute = properties["compute"]
    properties["compute"] = {
        "description": compute["description"],
        "anyOf": [{"enum": ["local", "subprocess"]}, compute],
    }
    for field in definitions["Gates"]["properties"].values():
        if "items" in field:
            field.update(_one_or_several({"anyOf": [{"type": ["number", "string"]}, field.pop("items")]}, field))
            field.pop("type", None)
    return {"$schema": DIALECT, "title": "suite.yaml", **_with_variables(schema)}


def cases_schema() -> dict[str, Any]:
    """The schema of a YAML file of cases: a list of cases, or `cases` with `defaults` for all of them."""
    case = _schema_of(Case)
    definitions = case.pop("$defs")
    definitions["Case"] = case
    # The named cases of another tool's form have fields of their own.
    named = {"type": "object", "required": ["name"], "not": {"required": ["id"]}}
    cases = {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/Case"}, named]}}
    defaults = {**case, "required": [], "description": "Fields of every case that does not have them itself."}
    with_defaults = {
        "type": "object",
        "properties": {"cases": {"description": "The cases.", **cases}, "defaults": defaults},
        "required": ["cases"],
        "additionalProperties": False,
    }
    return {"$schema": DIALECT, "title": "cases", "anyOf": [cases, with_defaults], "$defs": definitions}


def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    classes = {each.__name__: each for each in _models()}
    for name, definition in {model.__name__: schema, **schema["$defs"]}.items():
        if name in classes and "properties" in definition:
            _describe(definition, classes[name])
    for name, shorten in _SHORT_FORMS.items():
        definition = schema if name == model.__name__ else schema["$defs"].get(name)
        if definition is not None:
            shorten(definition)
    return schema


def _models() -> Iterator[type[BaseModel]]:
    """Every model of a document that is imported; the schema of the suite imports all of them."""
    from eval_pipeline.suite.documents.document import Document  # noqa: PLC0415 - for the type

    open_ = [Document]
    while open_:
        model = open_.pop()
        yield model
        open_ += model.__subclasses__()


def _describe(definition: dict[str, Any], model: type[BaseModel]) -> None:
    """Add the documentation of each field, which editors show."""
    docs: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if issubclass(each, BaseModel) and each is not BaseModel:
            docs |= _field_docs(each)
    aliases = {field.alias: name for name, field in model.model_fields.items() if field.alias}
    for name, field in definition["properties"].items():
        if (text := docs.get(aliases.get(name, name))) is not None:
            field["description"] = text


@functools.cache
def _field_docs(model: type[BaseModel]) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
    except (OSError, TypeError, SyntaxError):  # a class of another package without source
        return {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    docs = {}
    for field, after in itertools.pairwise(body):
        documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and documented:
            docs[field.target.id] = " ".join(str(after.value.value).split())  # type: ignore[attr-defined]
    return docs


def _short_case(schema: dict[str, Any]) -> None:
    properties = schema["properties"]
    properties["id"] = {"type": ["string", "integer"], "description": "The case's id, the key of its partition."}
    properties["input"] = {"description": "The input of the only turn, instead of `turns`."}
    properties["reference_outputs"] = properties["reference"]
    schema["patternProperties"] = {"^_": {}}


def _short_turn(schema: dict[str, Any]) -> None:
    properties = schema["properties"]
    names = ("input", "user", "user_input")
    for name in names:
        properties[name] = properties["input"]
    schema["required"] = [name for name in schema.get("required", ()) if name != "input"]
    schema["anyOf"] = [{"required": [name]} for name in names]


def _short_assets(schema: dict[str, Any]) -> None:
    prefix = schema["properties"]["key_prefix"]
    schema["properties"]["key_prefix"] = {
        "description": prefix["description"],
        "anyOf": [{"type": "string"}, prefix],
    }


def _text_or_itself(schema: dict[str, Any]) -> None:
    whole = dict(schema)
    schema.clear()
    schema["anyOf"] = [{"type": "string"}, whole]


_SHORT_FORMS = {
    "Case": _short_case,
    "Turn": _short_turn,
    "AssetPlacement": _short_assets,
    "CaseAttachment": _text_or_itself,
    "Column": _text_or_itself,
}
"""By model, what its validators take besides its fields."""


def _one_or_several(item: Mapping[str, Any], field: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: field[name] for name in ("title", "description", "default") if name in field}
    return {**kept, "anyOf": [item, {"type": "array", "items": item}]}


def _with_variables(value: Any) -> Any:
    """A schema in which a variable may stand in the place of any number and any choice."""
    if isinstance(value, list):
        return [_with_variables(item) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {name: _with_variables(item) if name not in ("default", "const") else item for name, item in value.items()}
    kind = inner.get("type")
    if (isinstance(kind, str) and kind in _SCALARS) or ("enum" in inner and isinstance(inner["enum"], list)):
        annotations = {name: inner.pop(name) for name in ("title", "description", "default") if name in inner}
        return {**annotations, "anyOf": [inner, _VARIABLE]}
    return inner
