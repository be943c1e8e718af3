"""Assertions on the text of answers."""

import decimal
from collections.abc import Mapping
from typing import Any, Literal

import jsonpath
import jsonschema
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.assertions.fields.base import BaseAssertion, checked_pattern


class Contains(BaseAssertion):
    """The text holds every one of `value`."""

    type: Literal["contains"]
    value: str | tuple[str, ...]
    ignore_case: bool = False


class IContains(BaseAssertion):
    """The text holds every one of `value`, in whatever case."""

    type: Literal["icontains"]
    value: str | tuple[str, ...]


class NotContains(BaseAssertion):
    """The text holds none of `value`."""

    type: Literal["not_contains"]
    value: str | tuple[str, ...]
    ignore_case: bool = False


class Equals(BaseAssertion):
    """The text, stripped, is `value`; with a value that is not text, the text is JSON for it."""

    type: Literal["equals"]
    value: Any
    ignore_case: bool = False


class StartsWith(BaseAssertion):
    """The text, without white space before it, begins with `value`, or with one of them."""

    type: Literal["starts_with"]
    value: str | tuple[str, ...]
    ignore_case: bool = False


class Regex(BaseAssertion):
    """`value` matches somewhere in the text (Python's `re.search`, with the `regex` package's additions)."""

    type: Literal["regex"]
    value: str
    ignore_case: bool = False
    timeout_s: float = Field(default=1.0, gt=0)
    """Seconds of searching, beyond which the assertion breaks: some patterns would never end on some texts."""

    @field_validator("value")
    @classmethod
    def _compiles(cls, value: str) -> str:
        return checked_pattern(value)


class OneOf(BaseAssertion):
    """The text, stripped, is one of these labels; case decides only if `ignore_case` is off."""

    type: Literal["one_of"]
    value: tuple[str, ...] = Field(min_length=1)
    ignore_case: bool = True


class IsJson(BaseAssertion):
    """The text is JSON, bare or in a code fence."""

    type: Literal["is_json"]


class JsonPath(BaseAssertion):
    """The text is JSON in which `path` (JSONPath, RFC 9535) selects `value`; without a value, selects anything."""

    type: Literal["json_path"]
    path: str
    value: Any = None

    @field_validator("value")
    @classmethod
    def _is_something(cls, value: Any) -> Any:
        if value is None:
            reason = {"fix": "leave `value` out to select anything, or assert null by `json_schema`"}
            raise PydanticCustomError("json_path", "null cannot be told from no value", reason)
        return value

    @field_validator("path")
    @classmethod
    def _is_json_path(cls, value: str) -> str:
        try:
            jsonpath.compile(value)
        except jsonpath.JSONPathError as error:
            reason = {"reason": str(error).splitlines()[0], "fix": "write a path such as `$.items[0].price`"}
            raise PydanticCustomError("json_path", "not a JSONPath: {reason}", reason) from error
        return value


class Numeric(BaseAssertion):
    """A number in the text is `value`, within `abs` or within `rel` times `value`, whichever is wider."""

    type: Literal["numeric"]
    value: decimal.Decimal = Field(allow_inf_nan=False)
    abs: decimal.Decimal = Field(default=decimal.Decimal(0), ge=0, allow_inf_nan=False)
    rel: decimal.Decimal = Field(default=decimal.Decimal(0), ge=0, allow_inf_nan=False)
    take: Literal["last", "first", "any"] = "last"
    """Which number in the text is meant. Commas between thousands are read; `1.234,5` is not."""


class Similarity(BaseAssertion):
    """How near the text is to `value`, or to the nearest of them; 1 is the same. Give a `threshold` to decide by it.

    Without `model`, the F1 of the words both have (Rajpurkar et al. 2016, without its dropping of English articles);
    with one, the cosine of the two embeddings, 0 where it is negative.
    """

    type: Literal["similarity"]
    value: str | tuple[str, ...]
    model: str | None = None
    """An embeddings model: `provider:model`, or an import path to LangChain `Embeddings`."""


class JsonSchema(BaseAssertion):
    """The text is JSON (bare or in a code fence) that the JSON Schema accepts."""

    type: Literal["json_schema"]
    definition: Mapping[str, Any] = Field(alias="schema")

    @field_validator("definition")
    @classmethod
    def _is_schema(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            jsonschema.validators.validator_for(value).check_schema(dict(value))
        except jsonschema.SchemaError as error:
            reason = {"reason": error.message, "fix": "correct the schema"}
            raise PydanticCustomError("json_schema", "not a JSON Schema: {reason}", reason) from error
        return value
