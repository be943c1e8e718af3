"""Validating the slices of gates against the cases."""

from collections.abc import Iterator, Sequence

from eval_pipeline.errors import Problem
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.spec.gates import EVERY
from eval_pipeline.suite.suite import SUITE_FILE, Suite

_SHOWN = 8


def gate_problems(suite: Suite, cases: Sequence[Case]) -> Iterator[Problem]:
    """A problem for each gate whose slice has no case: it would never fail."""
    for kind, gate in suite.spec.gates_to_meet.named().values():
        if gate.slice is None:
            continue
        axis, _, selected = gate.slice.partition("=")
        values = sorted({value for case in cases for value in _values(case, axis)})
        if selected not in values and not (selected == EVERY and values):
            named = ", ".join(f"`{axis}={value}`" for value in values[:_SHOWN])
            yield Problem(
                message=f"no case is in the slice {gate.slice!r}",
                fix=f"use one of {named}" if values else f"no case has a {axis.removeprefix('metadata.')!r}: remove it",
                file=suite.folder / SUITE_FILE,
                field=f"gates.{kind}",
            )


def _values(case: Case, axis: str) -> Sequence[str]:
    if axis == "split":
        return [case.split]
    if axis == "tag":
        return case.tags
    key = axis.removeprefix("metadata.")
    return [str(case.metadata[key])] if key in case.metadata else []
