"""Summary evaluators written for LangSmith, called with runs and examples of an experiment as its SDK calls them."""

import asyncio
import inspect
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from langsmith.evaluation import EvaluationResult
from langsmith.schemas import Example, Run

from eval_pipeline.analysis.case_values import Row
from eval_pipeline.analysis.overall.overall_metric import OverallMetric
from eval_pipeline.assertions.python import plain
from eval_pipeline.content.outputs import as_outputs
from eval_pipeline.content.text import json_text
from eval_pipeline.errors import InfrastructureError, InputError, Problem
from eval_pipeline.langsmith.ambient_tracing import no_ambient_tracing, untraced
from eval_pipeline.suite.import_path import resolve
from eval_pipeline.suite.spec.summary import SummaryMetric
from eval_pipeline.user_code.exits import contain_exits

_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_TAKEN = ("runs", "examples", "inputs", "outputs", "reference_outputs", "evaluation_results")


def evaluated(
    metric: SummaryMetric, rows: Sequence[Row], parts: Sequence[Mapping[str, Any]], *, folder: Path
) -> list[OverallMetric]:
    """The metrics that a summary evaluator returns; one with an error if it breaks.

    Args:
        metric: names the evaluator.
        rows: of the attempts that were made.
        parts: of each row, its `inputs`, `outputs` and `reference`.
        folder: the suite's.

    Raises:
        InfrastructureError: the infrastructure failed.
    """
    try:
        evaluator = resolve(metric.evaluator or "", folder=folder)
        with no_ambient_tracing(), untraced(), contain_exits("the summary evaluator"):
            returned = evaluator(*_arguments(evaluator, metric, rows, parts))
            if inspect.isawaitable(returned):
                returned = asyncio.run(_awaited(returned))
        return [*_metrics(returned, metric, cases=len({row["case_id"] for row in rows}))]
    except InfrastructureError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever user code raises is the result of its metric
        return [OverallMetric(name=metric.title, score=None, error=f"{type(error).__name__}: {error}")]


async def _awaited(returned: Any) -> Any:
    return await returned


def _arguments(
    evaluator: Any, metric: SummaryMetric, rows: Sequence[Row], parts: Sequence[Mapping[str, Any]]
) -> list[Any]:
    """What the evaluator is called with, in the order of its parameters."""
    attempts = list(zip(rows, parts, strict=True))
    runs, examples = ([make(row, part) for row, part in attempts] for make in (run_of, example_of))
    offered: dict[str, Any] = {
        "inputs": [run.inputs for run in runs],
        "outputs": [run.outputs for run in runs],
        "reference_outputs": [example.outputs for example in examples],
        "runs": runs,
        "examples": examples,
        "evaluation_results": [
            {"results": [EvaluationResult(key=item["name"], score=item["score"]) for item in row["assertions"] or ()]}
            for row in rows
        ],
    }
    names = [
        name
        for name, parameter in inspect.signature(evaluator).parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    if set(names) <= offered.keys():
        return [offered[name] for name in names]
    if len(names) == 2:  # noqa: PLR2004 - LangSmith's older form, by position
        return [offered["runs"], offered["examples"]]
    message = f"{metric.evaluator!r} takes {', '.join(names)}"
    raise InputError(Problem(message=message, fix=f"take some of {', '.join(_TAKEN)}", field="summary"))


def run_of(row: Row, part: Mapping[str, Any]) -> Run:
    """The run of an attempt: what the target was given and returned, without the runs below it."""
    failed = row["status"] == "error"
    return Run(
        id=uuid.UUID(row["run_id"]) if row.get("run_id") else uuid.uuid4(),
        name=row["case_id"],
        run_type="chain",
        start_time=row["started_at"],
        inputs=dict(part["inputs"]),
        outputs={} if failed else as_outputs(part["outputs"]),
        reference_example_id=_example_id(row),
        error="error" if failed else None,
        trace_id=uuid.uuid4(),
        extra={"metadata": {"case_id": row["case_id"], "attempt": row["attempt"]}},
    )


def example_of(row: Row, part: Mapping[str, Any]) -> Example:
    """The example of an attempt's case."""
    reference = {} if part["reference"] is None else as_outputs(part["reference"])
    metadata = {"case_id": row["case_id"]}
    return Example(id=_example_id(row), inputs=dict(part["inputs"]), outputs=reference, metadata=metadata)


def _example_id(row: Row) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, row["case_id"])


def _metrics(returned: Any, metric: SummaryMetric, *, cases: int) -> Iterator[OverallMetric]:
    if isinstance(returned, Mapping) and set(returned) == {"results"}:
        returned = returned["results"]
    for item in returned if isinstance(returned, list) else [returned]:
        result = plain(item.model_dump() if isinstance(item, EvaluationResult) else item)
        if isinstance(result, bool | int | float):
            result = {"score": result}
        elif isinstance(result, str):
            result = {"value": result}
        if not isinstance(result, Mapping) or not {"score", "value"} & result.keys():
            message = f"{metric.evaluator!r} returned {json_text(result)[:200]}"
            raise InputError(Problem(message=message, fix="return a number, or {key, score}", field="summary"))
        score, key = plain(result.get("score")), result.get("key") or result.get("name")
        yield OverallMetric(
            name=metric.name or (str(key) if key else metric.title),
            score=None if score is None else float(score),
            value=result.get("value"),
            cases=cases,
            comment=str(result.get("comment") or ""),
        )
