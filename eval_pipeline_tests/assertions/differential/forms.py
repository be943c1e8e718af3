"""Forms of evaluators: every way in which LangSmith's SDK calls one, and every result that it takes."""

import functools
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from langsmith.evaluation import EvaluationResult, EvaluationResults, RunEvaluator, run_evaluator
from langsmith.schemas import Example

# mypy: disable-error-code="type-arg,arg-type"
# ruff: noqa: ARG001, ARG002 - evaluators, as people write them


def _walk(run: Any) -> Iterator[Any]:
    for child in run.child_runs or ():
        yield child
        yield from _walk(child)


def _said(outputs: dict[str, Any]) -> str:
    """The same text of all targets' outputs."""
    return str(next(iter(outputs.values()), ""))


# -- by name


def all_names(inputs: dict, outputs: dict, reference_outputs: dict) -> bool:
    return isinstance(inputs, dict) and isinstance(outputs, dict) and isinstance(reference_outputs, dict)


def other_order(reference_outputs: dict, outputs: dict, inputs: dict) -> bool:
    return bool(inputs) and bool(outputs)


def only_outputs(outputs: dict) -> bool:
    return bool(outputs)


def only_inputs(inputs: dict) -> float:
    return 1 / len(inputs)


def only_reference(reference_outputs: dict) -> bool:
    return reference_outputs == {}


def only_run(run: Any) -> bool:
    return isinstance(run.id, uuid.UUID) and run.end_time >= run.start_time


def only_example(example: Any) -> bool:
    return isinstance(example, Example)


def run_and_outputs(run: Any, outputs: dict) -> bool:
    return list(run.outputs) == list(outputs)


def example_and_inputs(example: Any, inputs: dict) -> bool:
    return bool(example.inputs == inputs)


def with_attachments(outputs: dict, attachments: dict) -> dict:
    read = {name: (file["mime_type"], file["reader"].read().decode()) for name, file in attachments.items()}
    return {"value": str(sorted(read.items()))}


def example_attachments(example: Any) -> dict:
    return {"value": str(sorted(example.attachments or {}))}


def keyword_only(*, inputs: dict, outputs: dict) -> bool:
    return "question" in inputs


def positional_only(inputs: dict, outputs: dict, /) -> bool:
    return "messages" in inputs


def with_default(outputs: dict, threshold: float = 0.5) -> float:
    return threshold


def with_supported_default(outputs: dict, reference_outputs: dict | None = None) -> bool:
    return bool(reference_outputs)


def with_kwargs(outputs: dict, **others: Any) -> bool:
    return others == {}


# -- by position


def run_and_example(run: Any, example: Any) -> dict:
    return {"key": "run_and_example", "score": run.inputs == example.inputs}


def root_run_and_example(root_run: Any, example: Any) -> dict:
    return {"key": "root_run_and_example", "score": example.outputs is not None and "answer" in example.outputs}


def any_two_names(actual: Any, gold: Any) -> dict:
    return {"score": bool(actual.outputs) and isinstance(gold, Example)}


def one_new_name(run: Any, gold: Any) -> dict:
    return {"score": isinstance(gold, Example)}


def positional_two(first: Any, second: Any, /) -> bool:
    return bool(first.inputs == second.inputs)


# -- asynchronous


async def asynchronous(inputs: dict, outputs: dict) -> bool:
    return bool(outputs)


async def asynchronous_pair(run: Any, example: Any) -> dict:
    return {"key": "asynchronous_pair", "score": bool(run.outputs)}


# -- callables that are no functions


class _Called:
    def __call__(self, outputs: dict) -> dict:
        return {"key": "called", "score": bool(outputs)}

    def method(self, inputs: dict, outputs: dict) -> dict:
        return {"key": "method", "score": "country" in inputs}


called = _Called()
method = called.method
by_lambda = lambda outputs: {"key": "by_lambda", "score": bool(outputs)}  # noqa: E731


def _limited(outputs: dict, limit: int) -> dict:
    return {"key": "partial", "score": len(outputs) <= limit}


partial = functools.partial(_limited, limit=1)


class _Classic(RunEvaluator):
    def evaluate_run(self, run: Any, example: Any = None, evaluator_run_id: Any = None) -> EvaluationResult:
        return EvaluationResult(key="classic", score=run.reference_example_id == example.id)


classic = _Classic()


class _Both(RunEvaluator):
    def evaluate_run(self, run: Any, example: Any = None, evaluator_run_id: Any = None) -> EvaluationResult:
        return EvaluationResult(key="both", score=0.75)

    async def aevaluate_run(self, run: Any, example: Any = None, evaluator_run_id: Any = None) -> EvaluationResult:
        return EvaluationResult(key="both", score=0.75)


both = _Both()


@run_evaluator
def decorated(run: Any, example: Any) -> dict:
    return {"key": "decorated", "score": example.inputs == run.inputs}


@run_evaluator
def decorated_by_name(outputs: dict, reference_outputs: dict) -> dict:
    return {"key": "decorated_by_name", "score": outputs == reference_outputs}


# -- results


def number(outputs: dict) -> float:
    return 0.25


def integer(outputs: dict) -> int:
    return 1


def label(inputs: dict) -> str:
    return "asked" if "question" in inputs else "other"


def nameless(outputs: dict) -> dict:
    return {"score": 0.5}


def commented(outputs: dict) -> dict:
    return {"key": "commented", "score": True, "comment": "well"}


def valued(inputs: dict) -> dict:
    return {"key": "valued", "value": "kind"}


def scored_and_valued(outputs: dict) -> dict:
    return {"key": "scored_and_valued", "score": 0.5, "value": "half"}


def only_comment(outputs: dict) -> dict:
    return {"key": "only_comment", "comment": "no score"}


def no_score(outputs: dict) -> dict:
    return {"key": "no_score", "score": None, "comment": "not applicable"}


def result_object(outputs: dict) -> EvaluationResult:
    return EvaluationResult(key="result_object", score=0.5, comment="as an object")


def results_object(outputs: dict) -> EvaluationResults:
    return EvaluationResults(
        results=[EvaluationResult(key="first_of_two", score=1), EvaluationResult(key="second_of_two", value="b")]
    )


def results_list(outputs: dict) -> list:
    return [{"key": "first_listed", "score": 0}, {"key": "second_listed", "score": True}]


def with_metadata(outputs: dict) -> dict:
    return {"key": "with_metadata", "score": 1, "metadata": {"by": "me"}, "correction": {"answer": "x"}}


# -- what runs and examples hold


def child_runs(run: Any) -> dict:
    below = [(child.run_type, child.name) for child in _walk(run) if child.name not in ("target", "LangGraph")]
    return {"key": "child_runs", "value": str(below)}


def child_outputs(run: Any) -> dict:
    retrievers = [child for child in _walk(run) if child.run_type == "retriever"]
    return {
        "key": "child_outputs",
        "value": str([item.page_content for child in retrievers for item in child.outputs["documents"]]),
    }


def example_ids(example: Any) -> dict:
    return {"key": "example_ids", "value": f"{example.id} {example.dataset_id}"}


def returned_objects(outputs: dict) -> dict:
    return {"key": "returned_objects", "value": str({name: type(value).__name__ for name, value in outputs.items()})}


_FORMS: list[Callable[..., Any] | RunEvaluator | Any] = [
    all_names, other_order, only_outputs, only_inputs, only_reference, only_run, only_example, run_and_outputs,
    example_and_inputs, with_attachments, example_attachments, keyword_only, positional_only, with_default,
    with_supported_default,
    with_kwargs, run_and_example, root_run_and_example, any_two_names, one_new_name, positional_two, asynchronous,
    asynchronous_pair, called, method, by_lambda, partial, classic, both, decorated, decorated_by_name, number, integer,
    label, nameless, commented, valued, scored_and_valued, only_comment, no_score, result_object, results_object,
    results_list, with_metadata, child_runs, child_outputs, example_ids, returned_objects,
]  # fmt: skip
FORMS = {name: value for name, value in globals().items() if any(value is form for form in _FORMS)}
"""By their names in this module."""
