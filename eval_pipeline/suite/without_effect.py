"""Fields that have no effect where they stand: refused, since their author expects one."""

from collections.abc import Iterator
from dataclasses import replace

from eval_pipeline.errors import Problem
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.spec.assertion import Assertion
from eval_pipeline.suite.spec.context import FileSource, TableSource
from eval_pipeline.suite.suite import SUITE_FILE, Suite

_REMOVE = "remove it"
_DECIDING = frozenset(
    {
        *("contains", "icontains", "not_contains", "equals", "starts_with", "regex", "one_of", "numeric", "number"),
        *("is_json", "json_schema", "json_path"),
        *("contains_function_call", "no_function_call", "function_call_order", "handoff_to"),
        *("max_latency", "max_tokens", "max_cost", "max_turns", "grounded_in_context"),
    }
)
"""Types of assertions that pass or fail, and have no score that a threshold could be compared with."""
_NEVER_INTERRUPTS = frozenset({"python", "chat", "recorded"})


def suite_fields_without_effect(suite: Suite) -> Iterator[Problem]:
    """A problem for each field of suite.yaml that has no effect, apart from those of assertions."""
    file = suite.folder / SUITE_FILE
    for problem in (*_of_target(suite), *_of_context(suite), *_of_evaluation(suite)):
        yield replace(problem, file=file)


def assertion_fields_without_effect(assertion: Assertion) -> Iterator[Problem]:
    """A problem for each field of an assertion that has no effect."""
    if assertion.threshold is not None and assertion.type in _DECIDING:
        message = f"`threshold` has no effect: `{assertion.type}` passes or fails, and has no score"
        yield Problem(message=message, fix=_REMOVE, field="threshold")


def case_fields_without_effect(suite: Suite, case: Case) -> Iterator[Problem]:
    """A problem for each field of a case that has no effect, apart from those of its assertions."""
    kind = suite.spec.target.kind
    if case.on_interrupt is not None and kind in _NEVER_INTERRUPTS:
        message = f"`on_interrupt` has no effect: a `{kind}` target does not interrupt for a human"
        yield Problem(message=message, fix=_REMOVE, field="on_interrupt")
    simulation = case.simulation
    if simulation is not None and simulation.rules:
        for name in ("persona", "facts"):
            if getattr(simulation, name):
                message = f"`{name}` has no effect: `rules` say what the user says"
                yield Problem(message=message, fix=_REMOVE, field=f"simulation.{name}")
    if simulation is not None and simulation.script is not None and simulation.persona is not None:
        message = "`persona` has no effect: `script` plays the user"
        yield Problem(message=message, fix="pass it in `facts`, or remove it", field="simulation.persona")


def _of_target(suite: Suite) -> Iterator[Problem]:
    target = suite.spec.target
    if target.options and not target.takes_options:
        fix = "set `factory: true` if it makes the target, else remove them" if target.kind == "python" else _REMOVE
        message = f"`options` have no effect: this `{target.kind}` target takes none"
        yield Problem(message=message, fix=fix, field="target.options")
    if getattr(target, "system", None) is not None and getattr(target, "system_file", None) is not None:
        message = "`system` has no effect beside `system_file`"
        yield Problem(message=message, fix="keep one of the two", field="target.system")


def _of_context(suite: Suite) -> Iterator[Problem]:
    context = suite.spec.context
    sources: dict[str, TableSource] = {f"context.tables.{name}": source for name, source in context.tables.items()}
    if context.documents is not None:
        sources["context.documents.source"] = context.documents.source
        retrieval = context.documents.retrieval
        if retrieval.method == "bm25" and retrieval.model is not None:
            message = "`model` has no effect with `method: bm25`"
            fix = "write `method: embeddings`, or remove it"
            yield Problem(message=message, fix=fix, field="context.documents.retrieval.model")
        if retrieval.method == "embeddings" and "language" in retrieval.model_fields_set:
            message = "`language` has no effect with `method: embeddings`"
            yield Problem(message=message, fix=_REMOVE, field="context.documents.retrieval.language")
    for field, source in sources.items():
        if isinstance(source, FileSource) and source.text_columns and not source.file.endswith(".csv"):
            message = "`text_columns` has no effect: only the columns of a CSV file have no type"
            yield Problem(message=message, fix=_REMOVE, field=f"{field}.text_columns")


def _of_evaluation(suite: Suite) -> Iterator[Problem]:
    evaluation, judge = suite.spec.evaluation, suite.spec.judge
    if "budget_of" in evaluation.model_fields_set and (evaluation.max_tokens, evaluation.max_cost_usd) == (None, None):
        message = "`budget_of` has no effect without a budget"
        yield Problem(message=message, fix="give `max_tokens` or `max_cost_usd`", field="evaluation.budget_of")
    if judge is not None and "combine" in judge.model_fields_set and len(judge.models) == 1:
        message = "`combine` has no effect: one judge has one vote"
        yield Problem(message=message, fix="name several models, or remove it", field="judge.combine")
