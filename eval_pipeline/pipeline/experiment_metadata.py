"""What LangSmith is given of an experiment: its plan (scores to expect, splits, metadata), and labels of its runs."""

from collections.abc import Iterable, Sequence
from typing import Any

from eval_pipeline.langsmith.experiments import ExperimentPlan, git_metadata
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.suite import SuiteSpec
from eval_pipeline.tracing.experiment.feedback import evaluator_keys


def experiment_plan(
    suite: SuiteSpec, record: ExperimentRecord, dataset: Sequence[Case], cases: int, redactor: Redactor
) -> ExperimentPlan:
    """The plan of an experiment.

    Args:
        suite: names scores and models.
        record: of the experiment.
        dataset: all cases of its dataset.
        cases: how many of them are evaluated.
        redactor: of names that the suite's author gave.
    """
    splits = sorted({case.split for case in dataset})
    return ExperimentPlan(
        name=record.experiment,
        suite=record.suite,
        cases=cases,
        repetitions=record.repetitions or 1,
        splits=tuple(map(redactor.text, splits)),
        evaluator_keys=tuple(evaluator_keys(map(redactor.text, _assertion_names(suite, dataset)))),
        metadata={**record_metadata(record), **_model_names(suite)},
    )


def record_metadata(record: ExperimentRecord) -> dict[str, Any]:
    """Metadata of an experiment that its record has."""
    return {
        "context_id": record.context_id,
        "dataset_content_version": record.dataset_version,
        "target_version": record.target_version,
        "variant": record.variant,
        "metric_versions": dict(record.metrics) if record.metrics else None,
        "scores_of": record.scores_of,
        **_prompt_labels(record),
        **{f"dagster_{name}": value for name, value in record.launched_by.items()},
    }


def run_labels(record: ExperimentRecord, run_id: str) -> dict[str, Any]:
    """Metadata of every run of an experiment."""
    labels = {
        "suite": record.suite,
        "experiment": record.experiment,
        "variant": record.variant,
        "shared_context_id": record.context_id,
        "git_sha": git_metadata().get("git_sha"),
        "dagster_run_id": run_id,
        "prompt_commit": _prompt_labels(record).get("prompt_commit"),
    }
    return {name: value for name, value in labels.items() if value is not None}


def root_tags(suite: SuiteSpec, record: ExperimentRecord) -> tuple[str, ...]:
    """Tags of the root run of every attempt: `scale_eval`, the day of the experiment, the context, and the suite's."""
    context = () if record.context_id is None else (f"ctx:{record.context_id}",)
    return ("scale_eval", f"batch:{record.created_at[:10]}", *context, *suite.tags)


def _assertion_names(spec: SuiteSpec, cases: Iterable[Case]) -> list[str]:
    """The names of all assertions, each once, the suite's own first. An evaluator may give its scores other names."""
    assertions = [*spec.assertions]
    for case in cases:
        assertions += case.assertions
        assertions += (assertion for turn in case.turns for assertion in turn.assertions)
    return list(dict.fromkeys(assertion.name or assertion.type for assertion in assertions))


def _model_names(spec: SuiteSpec) -> dict[str, str]:
    """`model`, the target's, and `judge_model`, where the suite names them."""
    target = next(iter(spec.target.models), spec.target.options.get("model"))
    names = {"model": target, "judge_model": None if spec.judge is None else spec.judge.model}
    return {name: model for name, model in names.items() if isinstance(model, str)}


def _prompt_labels(record: ExperimentRecord) -> dict[str, str | None]:
    """`prompt`, `prompt_commit` and `prompt_source`; the judge's begin with `judge_`."""
    labels: dict[str, str | None] = {}
    for role, pinned in (record.prompts or {}).items():
        name = "prompt" if role == "target" else f"{role}_prompt"
        labels |= {name: pinned.used, f"{name}_commit": pinned.commit, f"{name}_source": pinned.source}
    return labels
