"""Compare cases with the schema of the graph that they are for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.case import Case
from eval_pipeline.targets.graphs.configurable import RESERVED, configurable_of
from eval_pipeline.targets.graphs.schema import GraphSchema, context_problems, fields_of
from eval_pipeline.targets.graphs.turn_input import TurnInputs


@dataclass(frozen=True, kw_only=True)
class CaseChecks:
    """Finds what a graph cannot use of the cases."""

    schema: GraphSchema
    input_key: str | None
    context: Mapping[str, Any]
    """The suite's."""
    configurable: Mapping[str, Any]
    """The suite's."""

    def problems(self, cases: Sequence[Case]) -> Iterator[Problem]:
        """Each problem once, with the first case that has it."""
        reported: set[tuple[str | None, str]] = set()
        for case in cases:
            for problem in self._of(case):
                if (problem.field, problem.message) not in reported:
                    reported.add((problem.field, problem.message))
                    yield problem

    def _of(self, case: Case) -> Iterable[Problem]:
        yield from self._of_context(case)
        for name in RESERVED:
            if name in case.configurable:
                yield _problem(case, f"configurable.{name}", f"{name} is set by the evaluation", "remove it")
        for name in case.state:
            if self.schema.state is not None and name not in self.schema.state:
                keys = ", ".join(self.schema.state)
                yield _problem(case, f"state.{name}", "the graph's state has no such key", f"use one of {keys}")
        inputs = TurnInputs(
            schema=self.schema, case=case, input_key=self.input_key, user_message=lambda content: content
        )
        for index, turn in enumerate(case.turns):
            try:
                inputs.next(turn.input) if index else inputs.first(turn.input)
            except InputError as error:
                yield from (_problem(case, f"turns[{index}].input", each.message, each.fix) for each in error.problems)

    def _of_context(self, case: Case) -> Iterable[Problem]:
        schema = self.schema.context
        given = {**self.context, **case.context}
        runtime = configurable_of(case, "", self.configurable)
        declared = {name: runtime[name] for name in fields_of(schema) if name in runtime}
        for name, message in context_problems(schema, {**declared, **given}):
            fields = ", ".join(fields_of(schema))
            fix = f"give it in the case's `context`, or in `target.context`; the fields are {fields}"
            yield _problem(case, f"context.{name}", message, fix)


def _problem(case: Case, field: str, message: str, fix: str) -> Problem:
    return Problem(message=message, fix=fix, case=case.id, field=field)
