"""Whole experiments in a store, for tests of their analysis."""

from collections.abc import Mapping, Sequence
from typing import Any

from eval_pipeline.analysis.verdict import ExperimentVerdict, verdict_of, write_verdict
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.experiment_record import ExperimentRecord, pin_experiment
from eval_pipeline.results.result_log import ResultLog
from eval_pipeline.store.layout import cases_key
from eval_pipeline.store.store import Store
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.dataset import Dataset
from eval_pipeline.suite.suite import SuiteSpec
from eval_pipeline_tests.analysis.rows import a_result
from eval_pipeline_tests.building import a_case

RECORDED = {"kind": "recorded"}


def a_spec(**fields: Any) -> SuiteSpec:
    """The specification of the suite `sample`."""
    return SuiteSpec.model_validate({"name": "sample", "cases": "cases.yaml", "target": RECORDED, **fields})


def keep_experiment(
    store: Store,
    name: str,
    results: Sequence[CaseResult],
    *,
    day: int = 1,
    cases: Sequence[Case] | None = None,
    **fields: Any,
) -> ExperimentRecord:
    """An experiment of `results`, begun on a day of January; its dataset holds their cases unless others are given."""
    dataset = (
        [a_case(case_id) for case_id in sorted({result.case_id for result in results})] if cases is None else cases
    )
    defaults: dict[str, Any] = {
        "suite": "sample",
        "experiment": name,
        "created_at": f"2024-01-{day:02d}T00:00:00+00:00",
        "dataset_version": "d1",
        "context_id": None,
        "target_version": "t1",
        "repetitions": None,
        "launched_by": {"run": f"run-{name}"},
    }
    record = pin_experiment(store, ExperimentRecord(**{**defaults, **fields}))
    store.put_table(cases_key(record.suite, record.dataset_version), Dataset.of(dataset).to_table())
    ResultLog(store, suite=record.suite, experiment=name, writer="r").append(list(results))
    return record


def concluded(store: Store, record: ExperimentRecord, **spec: Any) -> ExperimentVerdict:
    """The verdict on an experiment, stored."""
    verdict = verdict_of(store, a_spec(**spec), record)
    write_verdict(store, record, verdict)
    return verdict


def results_of(letters: Mapping[str, str], **fields: Any) -> list[CaseResult]:
    """Results by case: a letter an attempt, `p`assed, `f`ailed, `e`rror or `s`kipped."""
    status = {"p": "passed", "f": "failed", "e": "error", "s": "skipped"}
    return [
        a_result(case_id, number, status=status[letter], **fields)
        for case_id, attempts in letters.items()
        for number, letter in enumerate(attempts, 1)
    ]
