"""Assertions that are code: a Python callable, or an evaluator of LangSmith, openevals or agentevals."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import jmespath
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from eval_pipeline.assertions.fields.base import BaseAssertion, checked_import_path


class Python(BaseAssertion):
    """A callable of yours: see `eval_pipeline.assertions.python_call` for what it gets and may return."""

    type: Literal["python"]
    path: str
    args: Mapping[str, Any] = Field(default_factory=dict)

    @field_validator("path")
    @classmethod
    def _is_path(cls, value: str) -> str:
        return checked_import_path(value)


class Evaluator(BaseAssertion):
    """An evaluator written for LangSmith, openevals or agentevals, unchanged.

    It is called with those of `inputs, outputs, reference_outputs, run, example, attachments` that its signature names,
    or with run and example by position. `inputs` is `{input, messages}`: what the user said first, and all of it;
    `outputs` is `{response, output, messages}`: the last answer, twice, and the conversation as OpenAI-style messages;
    `reference_outputs` is the case's reference.
    """

    type: Literal["evaluator"]
    path: str
    """The evaluator; or, with `factory`, what makes one; or a class of `RunEvaluator`."""
    factory: bool = False
    """`path` is called with `args`, and returns the evaluator: openevals' `create_llm_as_judge` and its like."""
    args: Mapping[str, Any] = Field(default_factory=dict)
    """By name, for the factory or for the evaluator itself. `{import: "package.module:NAME"}` is the object so named,
    such as a prompt of `openevals.prompts`."""
    give: Mapping[str, str] = Field(default_factory=dict)
    """Other things to call it with: from the parameter's name to a JMESPath expression over `{inputs, outputs,
    reference_outputs, metadata, recording, json}`, where `json` is the last answer, read as JSON. For evaluators that
    want text: `{outputs: outputs.response, reference_outputs: reference_outputs.answer}`."""
    returns: str | None = None
    """A JMESPath expression from what it returns to a result, for judges with a schema of their own:
    `{score: are_equal, comment: justification}`."""
    scale: tuple[float, float] = (0.0, 1.0)
    """The evaluator's worst and best score; scores are mapped from it into [0, 1]."""

    @field_validator("args")
    @classmethod
    def _import_paths(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        for path in imported_args(value):
            checked_import_path(path)
        return value

    @field_validator("give", "returns")
    @classmethod
    def _are_expressions(cls, value: Any) -> Any:
        for text in value.values() if isinstance(value, Mapping) else [value]:
            try:
                jmespath.compile(text)
            except jmespath.exceptions.JMESPathError as error:
                reason = {"text": text, "reason": str(error).splitlines()[0], "fix": "see jmespath.org"}
                raise PydanticCustomError("jmespath", "'{text}' is not JMESPath: {reason}", reason) from error
        return value

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


def import_of(value: Any) -> str | None:
    """The import path that an argument `{import: …}` names, or None if it is another value."""
    return value["import"] if isinstance(value, Mapping) and set(value) == {"import"} else None


def imported_args(args: Any) -> Iterator[str]:
    """The import paths in arguments, however deep."""
    path = import_of(args)
    if path is not None:
        yield path
    elif isinstance(args, Mapping):
        for item in args.values():
            yield from imported_args(item)
    elif isinstance(args, list | tuple):
        for item in args:
            yield from imported_args(item)
