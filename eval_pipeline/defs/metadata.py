"""The metadata of materializations and asset checks, as the Dagster UI shows it.

A function for each asset turns results of the domain packages into metadata: to show something more, add a key to it.
Links to traces are in `assets/tracing.py`; `corrections` and `promoted_prompt` describe themselves.
Numbers stay numbers, because Dagster plots them. See https://docs.dagster.io/guides/build/assets/metadata-and-tags.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from eval_pipeline.analysis.gates.gate_result import GateResult
from eval_pipeline.context.build import Snapshot
from eval_pipeline.defs.partitions import PartitionChanges
from eval_pipeline.models.limits.throughput import ThroughputReport
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.results.case_result import CaseResult
from eval_pipeline.results.experiment_record import ExperimentRecord
from eval_pipeline.store.layout import (
    cases_key,
    context_prefix,
    experiment_prefix,
    variants_key,
    variants_page_key,
)
from eval_pipeline.store.store import Store
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.dataset import Dataset, DatasetChanges
from eval_pipeline.variants.variant_comparison import VariantComparison

DATASET_VERSION = "eval/dataset_version"
CONTEXT_ID = "eval/context_id"
CONTEXT_REUSED = "eval/context_reused"
EXPERIMENT = "eval/experiment"
COMPARISON = "eval/comparison"
VERDICT = "eval/verdict"

_PREVIEW_CASES = 20
_LISTED_KEYS = 50
_LONGEST_TEXT = 1_000

Metadata = dict[str, Any]


def dataset_metadata(
    dataset: Dataset, changes: DatasetChanges, partitions: PartitionChanges, *, suite: str, store: Store
) -> Metadata:
    """The metadata of `test_cases`."""
    splits = Counter(dataset.redactor.text(case.split) for case in dataset.cases)
    return {
        DATASET_VERSION: dataset.version,
        "dagster/row_count": len(dataset.cases),
        "dagster/uri": store.uri(cases_key(suite, dataset.version)),
        "eval/splits": dg.MetadataValue.json(dict(splits)),
        "eval/cases_added": listed_keys(changes.added),
        "eval/cases_changed": listed_keys(changes.changed),
        "eval/cases_removed": listed_keys(changes.removed),
        "eval/partitions_to_delete_later": listed_keys(partitions.deferred),
        "eval/preview": table_of([_preview(case, dataset.redactor) for case in dataset.cases[:_PREVIEW_CASES]]),
    }


def context_metadata(snapshot: Snapshot, store: Store) -> Metadata:
    """The metadata of `shared_context`."""
    manifest = snapshot.manifest
    parts = [
        {"part": name, "rows": part.rows, "bytes": part.bytes, "columns": ", ".join(part.columns)}
        for name, part in manifest.parts.items()
    ]
    return {
        CONTEXT_ID: manifest.context_id,
        CONTEXT_REUSED: snapshot.reused,
        "dagster/uri": store.uri(context_prefix(manifest.suite, manifest.context_id)),
        "eval/rows": sum(part.rows for part in manifest.parts.values()),
        "eval/bytes": manifest.size_bytes,
        "eval/build_s": manifest.build_s,
        "eval/input_tokens": manifest.input_tokens,
        "eval/output_tokens": manifest.output_tokens,
        "eval/parts": table_of(parts),
    }


def case_metadata(results: Sequence[CaseResult]) -> Metadata:
    """The metadata of one partition of `case_results`: of all attempts at one case."""
    first = results[0]
    scores = [result.score for result in results if result.score is not None]
    costs = [result.cost_usd for result in results if result.cost_usd is not None]
    metadata: Metadata = {
        "eval/passed": sum(result.status == "passed" for result in results),
        "eval/attempts": len(results),
        "eval/status": ", ".join(result.status for result in results),
        "eval/latency_s": milliseconds(sum(result.latency_s for result in results)),
        "eval/input_tokens": sum(result.tokens.input for result in results),
        "eval/output_tokens": sum(result.tokens.output for result in results),
        EXPERIMENT: first.experiment,
        "eval/split": first.split,
        "eval/target_version": first.target_version,
        DATASET_VERSION: first.dataset_version,
        "eval/fingerprint": first.fingerprint,
    }
    reused = [result.reused_from.experiment for result in results if result.reused_from is not None]
    if reused:
        metadata |= {"eval/carried": len(reused), "eval/carried_from": ", ".join(dict.fromkeys(reused))}
    answers = [result.answer_from.experiment for result in results if result.answer_from is not None]
    if answers:
        metadata |= {"eval/answers_reused": len(answers), "eval/answers_from": ", ".join(dict.fromkeys(answers))}
    if scores:
        metadata["eval/score"] = sum(scores) / len(scores)
    if costs:
        metadata["eval/cost_usd"] = sum(costs)
    if first.context_id is not None:
        metadata[CONTEXT_ID] = first.context_id
    if why := why_not(results):
        metadata["eval/why"] = dg.MetadataValue.text(why)
    return metadata


def why_not(results: Sequence[CaseResult]) -> str:
    """Why attempts at a case did not pass, a line each; empty if all did."""
    reasons = [why for result in results if (why := reason(result))]
    return shortened("\n".join(dict.fromkeys(reasons))) if reasons else ""


def reason(result: CaseResult) -> str:
    """Why an attempt did not pass, in one line; empty if it did."""
    if result.error is not None:
        return f"{result.error.name}: {result.error.message}"
    return "; ".join(f"{assertion.name}: {assertion.message}" for assertion in result.failed_assertions)


def experiment_metadata(record: ExperimentRecord, store: Store) -> Metadata:
    """The metadata of `experiment`."""
    metadata: Metadata = {
        EXPERIMENT: record.experiment,
        DATASET_VERSION: record.dataset_version,
        "eval/target_version": record.target_version,
        "dagster/uri": store.uri(experiment_prefix(record.suite, record.experiment)),
        "eval/created_at": record.created_at,
    }
    if record.context_id is not None:
        metadata[CONTEXT_ID] = record.context_id
    if record.metrics:
        metadata["eval/metric_versions"] = ", ".join(f"{name} {version}" for name, version in record.metrics.items())
    if record.corrections is not None:
        metadata["eval/corrections"] = store.uri(record.corrections)
    for role, prompt in (record.prompts or {}).items():
        name = "eval/prompt" if role == "target" else f"eval/{role}_prompt"
        metadata |= {
            name: prompt.used or f"none in the place of {prompt.reference}",
            f"{name}_source": prompt.source,
            f"{name}_steps": dg.MetadataValue.text("\n".join(prompt.steps)),
        }
        if prompt.commit is not None:
            metadata[f"{name}_commit"] = prompt.commit
    return metadata


def throughput_metadata(report: ThroughputReport) -> Metadata:
    """The part of the metadata of `experiment` on the model calls of a run and their concurrency."""
    metadata: Metadata = {"eval/model_tokens": report.tokens}
    if report.cost_usd is not None:
        metadata["eval/model_cost_usd"] = report.cost_usd
    if report.unpriced_models:
        metadata["eval/models_without_price"] = ", ".join(report.unpriced_models)
    if report.shared is not None:
        metadata["eval/shared_limits"] = dg.MetadataValue.json(report.shared)
    if report.endpoints:
        metadata["eval/concurrency"] = dg.MetadataValue.json(list(report.endpoints))
    return metadata


def gate_metadata(gate: GateResult) -> Metadata:
    """The metadata of the check of a gate."""
    measured = {"observed": gate.observed, "low": gate.low, "high": gate.high}
    return {
        **{name: value for name, value in measured.items() if value is not None},
        "threshold": gate.threshold,
        "n": gate.n,
        "failing_cases": listed_keys(gate.failing_cases),
    }


def report_metadata(file: str, url: str | None) -> Metadata:
    """A link to a report where it is served, and its file."""
    if url is None:
        return {"eval/report": dg.MetadataValue.path(file)}
    return {"eval/report": dg.MetadataValue.url(url), "eval/report_file": dg.MetadataValue.path(file)}


def variants_metadata(comparison: VariantComparison, store: Store, report_url: str | None) -> Metadata:
    """The metadata of `variant_comparison`: the verdict, a link to its page where that is served, and a table."""
    rows = [
        {
            "variant": standing.name,
            "changes": ", ".join(standing.changes) or "nothing",
            "outcome": standing.outcome,
            comparison.metric: _rounded(standing.score),
            "points": _rounded(None if standing.delta is None else 100 * standing.delta),
            "low": _rounded(None if standing.low is None else 100 * standing.low),
            "high": _rounded(None if standing.high is None else 100 * standing.high),
            "p": _rounded(standing.p_adjusted),
            "cases": standing.cases,
            "errors": standing.errors,
            "cost of an attempt ($)": _rounded(standing.cost_per_attempt),
            "gates": "met" if standing.gates_passed else "not met",
            "prompts": ", ".join(f"{name} {commit[:12]}" for name, commit in standing.prompts.items()),
            "experiment": standing.experiment,
        }
        for standing in comparison.standings
    ]
    effort = comparison.effort
    metadata: Metadata = {
        VERDICT: dg.MetadataValue.text(comparison.verdict),
        "eval/winner": comparison.winner or "none",
        COMPARISON: comparison.name,
        "eval/variants": table_of(rows),
        DATASET_VERSION: comparison.dataset_version,
        "eval/attempts": effort.attempts,
        "eval/attempts_saved": effort.attempts_of_all - effort.attempts,
        **report_metadata(store.uri(variants_page_key(comparison.suite, comparison.name)), report_url),
        "dagster/uri": store.uri(variants_key(comparison.suite, comparison.name)),
    }
    if comparison.context_id is not None:
        metadata[CONTEXT_ID] = comparison.context_id
    if comparison.score_delta is not None:
        metadata["eval/score_delta"] = comparison.score_delta
    return metadata


def _rounded(value: float | None) -> str:
    # Text, because a column of a table has one type, and the row of `current` has no difference.
    return "" if value is None else f"{value:.4g}"


def _preview(case: Case, redactor: Redactor) -> dict[str, Any]:
    # Redact before truncating: a truncated secret is not recognized.
    first = redactor.text(case.turns[0].text) if case.turns else f"{len(case.recordings)} recorded attempts"
    return {"case": case.id, "split": redactor.text(case.split), "turns": len(case.turns), "first": first[:120]}


def milliseconds(value: float) -> float:
    """Seconds to the millisecond; the results have all digits."""
    return round(value, 3)


def shortened(text: str) -> str:
    """`text`, cut to what a page shows."""
    short = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]} …"
    return short.encode("utf-8", "replace").decode()


def listed_keys(keys: Sequence[str]) -> str:
    """The first keys, and how many there are."""
    if not keys:
        return "none"
    more = f" and {len(keys) - _LISTED_KEYS} more" if len(keys) > _LISTED_KEYS else ""
    return f"{len(keys)}: {', '.join(keys[:_LISTED_KEYS])}{more}"


def table_of(rows: Sequence[Mapping[str, Any]]) -> dg.MetadataValue[Any]:
    """A table; the columns are those of the first row."""
    if not rows:
        return dg.MetadataValue.text("none")
    records = [
        dg.TableRecord(
            {
                key: value if isinstance(value, str | int | float | bool) else json.dumps(value)
                for key, value in row.items()
            }
        )
        for row in rows
    ]
    columns = [dg.TableColumn(name, type=_column_type(value)) for name, value in records[0].data.items()]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns=columns))


def _column_type(value: Any) -> str:
    return {bool: "bool", int: "int", float: "float"}.get(type(value), "string")
