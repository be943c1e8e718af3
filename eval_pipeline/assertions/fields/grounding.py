"""Grounding: what tools returned and what answers mention, beside what the shared context holds."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.assertions.fields.base import BaseAssertion, checked_pattern
from eval_pipeline.suite.documents.document import Document


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
        return checked_pattern(value)

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
