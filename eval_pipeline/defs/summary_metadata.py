"""The metadata of `experiment_summary` and `accepted_experiment`: verdict, links, the cases that did not pass, numbers.

Verdicts and links come first, large tables last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import dagster as dg

from eval_pipeline.analysis.comparison.comparison import Comparison
from eval_pipeline.analysis.report.drawing import standalone
from eval_pipeline.analysis.report.page import Pictures
from eval_pipeline.analysis.summary import Summary
from eval_pipeline.analysis.verdict import ExperimentVerdict
from eval_pipeline.defs.metadata import (
    EXPERIMENT,
    VERDICT,
    Metadata,
    listed_keys,
    milliseconds,
    report_metadata,
    shortened,
    table_of,
)
from eval_pipeline.redaction.logs import displayable
from eval_pipeline.store.layout import report_key
from eval_pipeline.store.store import Store

_MOST_CASES, _MOST_LABELS, _LONGEST_CELL = 50, 50, 200


@dataclass(frozen=True, kw_only=True)
class CaseToLookAt:
    """An attempt that did not pass."""

    case_id: str
    status: str
    why: str
    trace_url: str | None


def verdict_metadata(verdict: ExperimentVerdict) -> Metadata:
    """Whether an experiment passed its gates, and its pass rate with its interval."""
    failed = ", ".join(f"{gate.name} {gate.outcome}" for gate in verdict.gates if gate.blocks)
    outcome = "no gates" if not verdict.gates else "passed" if verdict.passed else f"failed: {failed}"
    rate = verdict.summary.pass_rate
    metadata: Metadata = {VERDICT: dg.MetadataValue.text(shortened(outcome))}
    if rate is None:
        return {**metadata, "eval/pass_rate_interval": "undecided: nothing decided an attempt"}
    return {
        **metadata,
        "eval/pass_rate": rate.mean,
        "eval/pass_rate_interval": f"{rate.low:.1%} to {rate.high:.1%} ({rate.cases} cases)",
    }


def summary_metadata(
    verdict: ExperimentVerdict,
    store: Store,
    pictures: Pictures,
    *,
    links: Metadata,
    report_url: str | None,
    failing: Sequence[CaseToLookAt],
    case_results: dg.AssetKey,
) -> Metadata:
    """The metadata of `experiment_summary`: verdict, links, the cases that did not pass; large tables come last.

    Args:
        verdict: on the experiment.
        store: where it is.
        pictures: its charts.
        links: the pages of the experiment.
        report_url: where its report is served; None if it is a file of the store only.
        failing: attempts that did not pass.
        case_results: the asset whose partitions the cases are.
    """
    summary, comparison = verdict.summary, verdict.comparison
    metrics = [
        {
            "metric": name,
            "mean": round(estimate.mean, 4),
            "low": round(estimate.low, 4),
            "high": round(estimate.high, 4),
            "n": estimate.n,
        }
        for name, estimate in summary.metrics.items()
    ]
    slices = [
        {
            "slice": name,
            "cases": part.cases,
            "pass_rate": None if part.pass_rate is None else round(part.pass_rate.mean, 4),
        }
        for name, part in summary.slices.items()
    ]
    metadata: Metadata = {
        **verdict_metadata(verdict),
        **links,
        **report_metadata(store.uri(report_key(summary.suite, summary.experiment)), report_url),
        EXPERIMENT: summary.experiment,
        "eval/cases_that_did_not_pass": table_of(
            [{"case": each.case_id, "status": each.status, "why": _in_cell(each.why)} for each in failing[:_MOST_CASES]]
        ),
        "eval/links_to_these_cases": _links_to(failing, case_results),
        **({"eval/undecided_metrics": _undecided(summary.undecided_metrics)} if summary.undecided_metrics else {}),
        "eval/cases": summary.cases,
        "eval/attempts": summary.attempts,
        "eval/statuses": dg.MetadataValue.json(dict(summary.status_counts)),
        "eval/errors": summary.status_counts.get("error", 0),
        "eval/input_tokens": summary.tokens["input"],
        "eval/output_tokens": summary.tokens["output"],
    }
    if summary.pass_rate is not None:
        metadata |= {
            "eval/pass_rate_low": summary.pass_rate.low,
            "eval/pass_rate_high": summary.pass_rate.high,
        }
    if summary.cost_usd is not None:
        metadata["eval/cost_usd"] = summary.cost_usd
    metadata |= {f"eval/latency_{name}_s": milliseconds(value) for name, value in summary.latency_s.items()}
    if summary.score is not None:
        metadata["eval/score"] = summary.score.mean
    if summary.flakiness is not None:
        metadata["eval/flakiness"] = summary.flakiness
    metadata |= {f"eval/metric/{name}": estimate.mean for name, estimate in summary.metrics.items()}
    metadata |= _kinds_of_results(summary)
    metadata["eval/gates_failed"] = sum(not gate.passed for gate in verdict.gates)
    if comparison is not None:
        metadata |= _comparison_metadata(comparison)
    return {
        **metadata,
        **_pictures(pictures),
        "eval/metrics": table_of(metrics),
        "eval/slices": table_of(slices),
    }


def _kinds_of_results(summary: Summary) -> Metadata:
    """Shares of labels, and numbers without bounds."""
    metadata: Metadata = {}
    if summary.labels:
        shares = [(name, label, share) for name, own in summary.labels.items() for label, share in own.items()]
        metadata["eval/labels"] = table_of(
            [
                {"metric": name, "label": label, "share": round(each.mean, 4), "n": each.n}
                for name, label, each in shares
            ]
        )
        metadata |= {f"eval/label/{name}={label}": share.mean for name, label, share in shares[:_MOST_LABELS]}
    if summary.numbers:
        numbers = summary.numbers.items()
        metadata["eval/numbers"] = table_of(
            [{"metric": name, "mean": each.mean, **each.percentiles, "n": each.n} for name, each in numbers]
        )
        metadata |= {f"eval/number/{name}": each.mean for name, each in numbers}
    if summary.judges:
        metadata["eval/judges"] = "; ".join(f"{name}: {text}" for name, text in summary.judges.items())
    if summary.overall:
        overall = [
            {"metric": each.name, "value": each.score, "low": each.low, "high": each.high, "cases": each.cases}
            for each in summary.overall
        ]
        metadata["eval/overall"] = table_of(overall)
        metadata |= {f"eval/overall/{each.name}": each.score for each in summary.overall if each.score is not None}
    return metadata


def _undecided(metrics: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {why}" for name, why in metrics.items())


def _links_to(failing: Sequence[CaseToLookAt], case_results: dg.AssetKey) -> dg.MetadataValue[Any]:
    """Links to the trace and to the partition of each case, which a table of Dagster's cannot have."""
    if not failing:
        return dg.MetadataValue.text("none")
    page = f"/assets/{'/'.join(map(quote, case_results.path))}?view=partitions&partition="
    lines = []
    for each in failing[:_MOST_CASES]:
        trace = "" if each.trace_url is None else f", [trace]({each.trace_url})"
        lines.append(f"- {each.case_id}: [partition]({page}{quote(each.case_id, safe='')}){trace}")
    if len(failing) > _MOST_CASES:
        lines.append(f"- and {len(failing) - _MOST_CASES} more attempts, in the report")
    return dg.MetadataValue.md("\n".join(lines))


def _in_cell(text: str) -> str:
    """Text of an agent in one line."""
    short = text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]} …"
    return " ".join(displayable(short).split())


def _pictures(pictures: Pictures) -> Metadata:
    """The charts of the report, small enough to be shown together in the UI."""
    drawn = {
        "Pass rate of the last experiments": pictures.trend,
        "Points since the baseline": pictures.deltas,
        "Scores": pictures.scores,
    }
    shown = [
        f"**{name}**\n\n![{name}]({standalone(drawing)})" for name, drawing in drawn.items() if drawing is not None
    ]
    return {"eval/pictures": dg.MetadataValue.md("\n\n".join(shown))} if shown else {}


def _comparison_metadata(comparison: Comparison) -> Metadata:
    metadata: Metadata = {
        "eval/baseline": comparison.baseline,
        "eval/improved": len(comparison.improved),
        "eval/regressed": len(comparison.regressed),
        "eval/regressed_cases": listed_keys([change.case_id for change in comparison.regressed]),
    }
    if comparison.pass_rate is not None:
        metadata |= {
            "eval/pass_rate_difference": comparison.pass_rate.difference,
            "eval/pass_rate_difference_p": comparison.pass_rate.p_value,
        }
    return metadata
