"""The verdict on an experiment: its summary, comparison with the baseline, and gates. Stored as `summary.json`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from eval_pipeline.analysis.agreement.trust import judge_trust, with_trust
from eval_pipeline.analysis.baseline import baseline_of, first_passed, rescored_baseline
from eval_pipeline.analysis.comparison.comparison import Comparison, Side, compare_sides
from eval_pipeline.analysis.gates.check_gates import Evidence, check_gates
from eval_pipeline.analysis.gates.gate_result import GateResult
from eval_pipeline.analysis.overall.compute import overall_metrics
from eval_pipeline.analysis.overall.overall_metric import OverallMetric
from eval_pipeline.analysis.slices import slices_of
from eval_pipeline.analysis.summary import SUMMARY_COLUMNS, Summary, summary_of
from eval_pipeline.analysis.trend import point_of, write_point
from eval_pipeline.errors import CorruptDataError, MissingUpstreamError
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.layout import summary_key
from eval_pipeline.store.store import Store
from eval_pipeline.suite.dataset.stored import stored_cases
from eval_pipeline.suite.suite import SuiteSpec
from eval_pipeline.wording import statuses_in_words


@dataclass(frozen=True, kw_only=True)
class ExperimentVerdict:
    """The summary of an experiment, its comparison with the baseline, and its gates."""

    summary: Summary
    comparison: Comparison | None
    """With the baseline; None if there is none."""
    gates: list[GateResult]

    @property
    def passed(self) -> bool:
        """Whether the experiment meets every blocking gate."""
        return not any(gate.blocks for gate in self.gates)

    @property
    def in_words(self) -> str:
        """The counts of attempts and whether the gates passed, in a line."""
        failed = [gate.name for gate in self.gates if gate.blocks]
        gates = f"gates failed: {', '.join(failed)}" if failed else "gates passed" if self.gates else "no gates"
        return f"{statuses_in_words(self.summary.status_counts)}; {gates}"

    def to_json(self) -> dict[str, Any]:
        """`summary.json`: the summary's fields, `comparison` and `gates`."""
        return {**self.summary.to_json(), "comparison": asdict(self)["comparison"], "gates": asdict(self)["gates"]}


def verdict_of(
    store: Store, spec: SuiteSpec, record: ExperimentRecord, *, folder: Path | None = None
) -> ExperimentVerdict:
    """The verdict on an experiment, from its rows and the gates that the suite has now.

    Args:
        store: where the experiment is.
        spec: the suite as it is now.
        record: the experiment.
        folder: the suite's, from which summary evaluators are imported. Without it none is called, and what they
            returned when the experiment was summarized stands.

    Raises:
        MissingUpstreamError: the baseline that the suite names does not exist.
    """
    results = read_results(store, record.suite, record.experiment, columns=SUMMARY_COLUMNS)
    rows = results.to_pylist()
    cases = stored_cases(store, record.suite, record.dataset_version, {row["case_id"] for row in rows})
    baseline = baseline_of(store, record, spec.baseline_name)
    first = None if baseline is None else first_passed(store, record, spec.baseline_name)
    if spec.rescores_baseline:
        baseline, first = (
            None if name is None else rescored_baseline(store, record, name) or name for name in (baseline, first)
        )
    now = Side.of(record, rows, cases)
    comparison, comparison_with_first = (
        None if name is None else compare_sides(now=now, then=Side.read(store, record.suite, name))
        for name in (baseline, None if first == baseline else first)
    )
    members = slices_of(rows, cases)
    overall = overall_metrics(
        store,
        record,
        spec.summary,
        members=members,
        folder=folder,
        earlier=() if folder is not None or not spec.summary else _earlier(store, record),
    )
    evidence = Evidence(
        rows=rows,
        members=members,
        comparison=comparison,
        first=comparison_with_first,
        overall={each.name: each for each in overall},
    )
    summary = summary_of(
        results, suite=record.suite, experiment=record.experiment, cases=cases, prompts=record.prompt_names
    )
    trusts = judge_trust(store, record.suite, rows)
    return ExperimentVerdict(
        summary=replace(summary, overall=tuple(overall), judges={name: trust.text for name, trust in trusts.items()}),
        comparison=comparison,
        gates=with_trust(spec.gates_to_meet, check_gates(spec.gates_to_meet, evidence), trusts),
    )


def _earlier(store: Store, record: ExperimentRecord) -> Sequence[OverallMetric]:
    try:
        return read_verdict(store, record.suite, record.experiment).summary.overall
    except MissingUpstreamError:
        return ()


def write_verdict(store: Store, record: ExperimentRecord, verdict: ExperimentVerdict) -> None:
    """Store it as `summary.json`, and as a point of the suite's trend unless it is of a variant."""
    data = orjson.dumps(verdict.to_json(), option=orjson.OPT_INDENT_2)
    store.put(summary_key(record.suite, record.experiment), data)
    if record.variant is None:
        write_point(store, record.suite, point_of(record, verdict.summary, passed=verdict.passed))


def read_verdict(store: Store, suite: str, experiment: str) -> ExperimentVerdict:
    """Read a stored verdict.

    Raises:
        MissingUpstreamError: the experiment has not been summarized.
        CorruptDataError: the stored verdict cannot be read.
    """
    key = summary_key(suite, experiment)
    data = store.get(key)
    if data is None:
        raise MissingUpstreamError(f"{store.uri(key)} is not there", fix="materialize experiment_summary")
    try:
        document = orjson.loads(data)
        return _VERDICT.validate_python(
            {"comparison": document.pop("comparison"), "gates": document.pop("gates"), "summary": document}
        )
    except (orjson.JSONDecodeError, ValidationError, KeyError) as error:
        raise CorruptDataError(
            f"{store.uri(key)} cannot be read as a summary", fix="materialize experiment_summary again"
        ) from error


_VERDICT = TypeAdapter(ExperimentVerdict)
