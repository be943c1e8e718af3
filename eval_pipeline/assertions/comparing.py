"""What assertions that compare a value have in common: `at`, the part they look at, and references as values."""

import inspect
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Self

import jmespath
from pydantic import (
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_serializer,
    field_validator,
)
from typing_extensions import override

from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.content.text import json_text
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.documents.document import problems_of
from eval_pipeline.suite.spec.assertion import Assertion
from eval_pipeline.suite.spec.expression import PartPath, Reference

_VALUES = ("value", "definition")
"""Fields that may be references."""


class ComparingAssertion(Assertion):
    """An assertion that compares a part of the attempt, by default the answer's text, with a value.

    Its value may be `{ref: …}`, a JMESPath as `at`, so that one assertion of the suite serves all cases.
    """

    at: PartPath | None = None
    """The part: a JMESPath into `{inputs, outputs, text, state, messages, reference, metadata}`."""

    @field_validator(*_VALUES, mode="wrap", check_fields=False)
    @classmethod
    def _or_reference(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        return Reference.of(value) or handler(value)

    @field_serializer(*_VALUES, mode="wrap", check_fields=False)
    def _as_written(self, value: Any, handler: SerializerFunctionWrapHandler) -> Any:
        return {"ref": value.ref} if isinstance(value, Reference) else handler(value)

    def nothing(self) -> CheckResult:
        """The result where there is nothing at `at`."""
        return CheckResult(passed=False, message="there is nothing")

    @override
    def decide(self, scope: Scope) -> Any:
        made = self._resolved(scope)
        if self.at is None:
            return made.check(scope)
        part = scope.focused(self.at)
        result = made.nothing() if part.focus is None else made.check(part)
        return _placed_later(result, self.at) if inspect.isawaitable(result) else _placed(result, self.at)

    @override
    def problems_with(self, reference: Mapping[str, Any]) -> Iterable[Problem]:
        for name, value in self._references().items():
            missing = value.ref.startswith("reference") and _search(value.ref, {"reference": reference}) is None
            if missing:
                fix = "add it to the case's reference, or correct the path"
                yield Problem(message=f"the case has nothing at {value.ref!r}", fix=fix, field=name)

    def _references(self) -> dict[str, Reference]:
        values = {name: getattr(self, name, None) for name in _VALUES}
        return {name: value for name, value in values.items() if isinstance(value, Reference)}

    def _resolved(self, scope: Scope) -> Self:
        """This assertion with the values that its references stand for.

        Raises:
            InputError: there is nothing at one, or it is no value of this assertion.
        """
        references = self._references()
        if not references:
            return self
        values: dict[str, Any] = {}
        for name, reference in references.items():
            values[name] = _search(reference.ref, scope.document)
            if values[name] is None:
                fix = "add it to the case, or correct the path"
                message = f"there is nothing at {reference.ref!r}"
                raise InputError(Problem(message=message, fix=fix, case=scope.case.id, field=name))
        written = {name: getattr(self, name) for name in self.model_fields_set}
        try:
            return type(self).model_validate(written | values)
        except ValidationError:
            texts = {name: _texts(value) for name, value in values.items()}
        try:
            return type(self).model_validate(written | texts)
        except ValidationError as error:
            place = f"the value at {', '.join(each.ref for each in references.values())}"
            raise InputError(
                problems_of(error, model=type(self), data=written | values, file=place, case=scope.case.id)
            ) from error


def _placed(result: Any, at: str) -> Any:
    if isinstance(result, list):
        return [_placed(each, at) for each in result]
    return replace(result, message=f"{at}: {result.message}")


async def _placed_later(result: Awaitable[Any], at: str) -> Any:
    return _placed(await result, at)


def _search(expression: str, data: Any) -> Any:
    try:
        return jmespath.search(expression, data)
    except jmespath.exceptions.JMESPathError as error:
        fix = "correct the expression, or the data"
        raise InputError(Problem(message=f"{expression!r} cannot be searched: {error}", fix=fix)) from error


def _texts(value: Any) -> Any:
    """Numbers and the like as text, for assertions that compare texts."""
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return value if isinstance(value, str) else json_text(value)
