"""What every assertion has, and checks that several of them share."""

import regex
from pydantic import Field
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.documents.document import Document
from eval_pipeline.suite.import_path import is_import_path


class BaseAssertion(Document):
    """What every assertion has."""

    name: str | None = None
    """The metric this assertion counts under; by default its type."""
    negate: bool = False
    """Passed becomes failed, and a score one minus it; the threshold is met, or not, before that."""
    weight: float = Field(default=1.0, ge=0)
    """Share in the case's score. An assertion of weight 0 is reported and decides nothing."""
    threshold: float | None = Field(default=None, ge=0, le=1)
    """For assertions that score: the score from which it passes. Without one a bare score decides nothing."""


def checked_import_path(value: str) -> str:
    """`value`, if it has the form of an import path; for pydantic validators."""
    if not is_import_path(value):
        reason = {"value": value, "fix": "write `package.module:attribute` or `file.py:attribute`"}
        raise PydanticCustomError("import_path", "'{value}' is not an import path", reason)
    return value


def checked_pattern(value: str) -> str:
    """`value`, if it is a regular expression; for pydantic validators."""
    try:
        regex.compile(value)
    except regex.error as error:
        reason = {"reason": str(error), "fix": "correct the pattern (Python's `re` syntax, as `regex` extends it)"}
        raise PydanticCustomError("regex", "not a regular expression: {reason}", reason) from error
    return value
