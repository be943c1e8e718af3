"""The assertions a case may make, as they are written; one model each, told apart by `type`.

On a turn, the text is the answer of that turn. On the conversation it is all answers for `contains`, `not_contains`
and `regex`, and the last answer for the others. Belongs here: fields, their meaning, and checks that need no run (a
regex compiles, a schema is a schema). Does not belong here: carrying them out
(`eval_pipeline.evaluation.assertions`, one function per `type` here; a test holds that the two lists agree).
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import jsonschema
from pydantic import Discriminator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.document import Document
from eval_pipeline.suite.import_path import is_import_path


class BaseAssertion(Document):
    """What every assertion has."""

    name: str | None = None
    """The metric this assertion counts under; by default its type."""
    negate: bool = False
    """Passed becomes failed and a score becomes one minus it."""
    weight: float = Field(default=1.0, ge=0)
    """Share in the case's score. An assertion of weight 0 is reported and decides nothing."""
    threshold: float | None = Field(default=None, ge=0, le=1)
    """For assertions that score: the score from which it passes. Without one a bare score decides nothing."""


class Contains(BaseAssertion):
    """The text holds every one of `value`."""

    type: Literal["contains"]
    value: str | tuple[str, ...]
    ignore_case: bool = False


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


class Regex(BaseAssertion):
    """`value` matches somewhere in the text (Python's `re.search`)."""

    type: Literal["regex"]
    value: str
    ignore_case: bool = False

    @field_validator("value")
    @classmethod
    def _compiles(cls, value: str) -> str:
        return _checked_pattern(value)


class OneOf(BaseAssertion):
    """The text, stripped, is one of these labels; case decides only if `ignore_case` is off."""

    type: Literal["one_of"]
    value: tuple[str, ...] = Field(min_length=1)
    ignore_case: bool = True


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


class ContainsFunctionCall(BaseAssertion):
    """The tool `value` was called, with at least these arguments."""

    type: Literal["contains_function_call"]
    value: str
    args: Mapping[str, Any] | None = None


class NoFunctionCall(BaseAssertion):
    """None of these tools was called; without `value`, no tool at all."""

    type: Literal["no_function_call"]
    value: str | tuple[str, ...] | None = None


class FunctionCallOrder(BaseAssertion):
    """How the calls made compare with `value`, as in agentevals' trajectory match.

    `strict`: these calls in this order and no others. `unordered`: these calls and no others, in any order.
    `subset`: no call beyond these. `superset`: these calls at least, in any order.
    """

    type: Literal["function_call_order"]
    value: tuple[str, ...]
    mode: Literal["strict", "unordered", "subset", "superset"] = "strict"


class LlmRubric(BaseAssertion):
    """A judge (a chat model) finds that the answer meets the rubric."""

    type: Literal["llm_rubric"]
    value: str
    model: str | None = None
    """By default the suite's `judge.model`."""


class ToolResultGrounding(Document):
    """A tool whose result must be the row of a table that its argument names."""

    tool: str
    table: str
    key: str
    """The tool's argument that holds the row's key."""
    rename: Mapping[str, str] = Field(default_factory=dict)
    """Dotted paths in the result, to what the table calls them."""
    ignore: tuple[str, ...] = ()
    """Dotted paths that are not compared."""


class MentionGrounding(Document):
    """Every match of a pattern in the answers must stand in a column of a table, or in the documents of the case."""

    pattern: str
    table: str | None = None
    column: str | None = None

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        return _checked_pattern(value)

    @model_validator(mode="after")
    def _table_with_column(self) -> "MentionGrounding":
        if (self.table is None) != (self.column is None):
            reason = {"fix": "give both, or neither to search the case's similar documents"}
            raise PydanticCustomError("grounding", "`table` and `column` go together", reason)
        return self


class GroundedInContext(BaseAssertion):
    """What the tools returned, and what the answers mention, is what the shared context holds."""

    type: Literal["grounded_in_context"]
    results: tuple[ToolResultGrounding, ...] = ()
    until: tuple[str, ...] = ()
    """Tools that change the world: results after the first successful call of one of them are not compared."""
    mentions: tuple[MentionGrounding, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> "GroundedInContext":
        if not self.results and not self.mentions:
            raise PydanticCustomError("grounding", "nothing to compare", {"fix": "give `results`, `mentions` or both"})
        return self


class Python(BaseAssertion):
    """A callable of yours: see `eval_pipeline.evaluation.assertions.python_call` for what it gets and may return."""

    type: Literal["python"]
    path: str
    args: Mapping[str, Any] = Field(default_factory=dict)

    @field_validator("path")
    @classmethod
    def _is_path(cls, value: str) -> str:
        return checked_import_path(value)


class Evaluator(BaseAssertion):
    """An evaluator written for LangSmith, openevals or agentevals, unchanged.

    It is called with those of `inputs, outputs, reference_outputs, run, example` that its signature asks for. With
    `factory`, `path` is called with `args` first and returns the evaluator.
    """

    type: Literal["evaluator"]
    path: str
    factory: bool = False
    args: Mapping[str, Any] = Field(default_factory=dict)
    scale: tuple[float, float] = (0.0, 1.0)
    """The evaluator's worst and best score; scores are mapped from it into [0, 1]."""

    @field_validator("scale")
    @classmethod
    def _has_width(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] == value[1]:
            raise PydanticCustomError("scale", "a scale needs two different ends", {"fix": "write [worst, best]"})
        return value

    @field_validator("path")
    @classmethod
    def _is_path(cls, value: str) -> str:
        return checked_import_path(value)


Assertion = Annotated[
    Contains
    | NotContains
    | Equals
    | Regex
    | OneOf
    | JsonSchema
    | ContainsFunctionCall
    | NoFunctionCall
    | FunctionCallOrder
    | LlmRubric
    | GroundedInContext
    | Python
    | Evaluator,
    Discriminator("type"),
]


def checked_import_path(value: str) -> str:
    """`value`, if it has the form of an import path; for pydantic validators."""
    if not is_import_path(value):
        reason = {"value": value, "fix": "write `package.module:attribute` or `file.py:attribute`"}
        raise PydanticCustomError("import_path", "'{value}' is not an import path", reason)
    return value


def _checked_pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        reason = {"reason": str(error), "fix": "correct the pattern (Python's `re` syntax)"}
        raise PydanticCustomError("regex", "not a regular expression: {reason}", reason) from error
    return value
