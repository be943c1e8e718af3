"""Assertions that are code: a callable of the suite's, and evaluators written for LangSmith, openevals or agentevals.

Belongs here: fields and checks that need no run. Does not belong here: calling them.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.suite.assertions.base import BaseAssertion, checked_import_path


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
