"""The results of a run: tables with the failures first, or one JSON document."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import rich.box
from rich.console import Console
from rich.table import Table

from eval_pipeline.analysis import explanations
from eval_pipeline.analysis.case_values import decided_against, why_not_passed
from eval_pipeline.analysis.comparison.comparison import Comparison
from eval_pipeline.analysis.costs import cost_lines
from eval_pipeline.analysis.gates.gate_result import GateResult
from eval_pipeline.analysis.statistics.paired import p_is
from eval_pipeline.analysis.summary import Summary
from eval_pipeline.analysis.verdict import ExperimentVerdict
from eval_pipeline.cli.evaluate.kinds_of_results import kinds_of_results
from eval_pipeline.cli.shown import escape
from eval_pipeline.defs.launching.launch import EvaluationOutcome
from eval_pipeline.errors import EvalPipelineError
from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.layout import experiment_prefix, report_key
from eval_pipeline.store.store import Store
from eval_pipeline.wording import counted, first_names

MOST_ROWS = 40
"""Attempts that the table lists."""
MOST_NAMED = 12
"""Case ids that a line names."""
_LONGEST_REASON = 200
_STYLE = {
    "error": "yellow",
    "failed": "red",
    "limit": "yellow",
    "unscored": "cyan",
    "skipped": "dim",
    "passed": "green",
}
"""By status, in the order in which attempts are listed."""
_ORDER = {status: number for number, status in enumerate(_STYLE)}


def outcome_json(outcome: EvaluationOutcome) -> dict[str, Any]:
    """The results of a run as one JSON document."""
    verdict = outcome.verdict.to_json()
    summary = outcome.verdict.summary.to_json()
    return {
        "suite": summary["suite"],
        "experiment": summary["experiment"],
        "experiment_url": outcome.experiment_url,
        "traces_lost": outcome.traces_lost,
        "dataset_version": outcome.record.dataset_version,
        "context_id": outcome.record.context_id,
        "context_reused": outcome.context_reused,
        "target_version": outcome.record.target_version,
        "run_id": outcome.run_id,
        "cases": summary["cases"],
        "attempts": summary["attempts"],
        "status_counts": summary["status_counts"],
        "carried": summary["carried"],
        "pass_rate": None if summary["pass_rate"] is None else summary["pass_rate"]["mean"],
        "pass_rate_interval": summary["pass_rate"],
        "score": summary["score"],
        "metrics": summary["metrics"],
        "metric_errors": summary["metric_errors"],
        "undecided_metrics": summary["undecided_metrics"],
        "pass_at_k": summary["pass_at_k"],
        "pass_hat_k": summary["pass_hat_k"],
        "slices": summary["slices"],
        "flakiness": summary["flakiness"],
        "flaky_cases": summary["flaky_cases"],
        "latency_s": summary["latency_s"],
        "tokens": summary["tokens"],
        "cost_usd": summary["cost_usd"],
        "usage": summary["usage"],
        "costs": summary["costs"],
        "comparison": verdict["comparison"],
        "gates": verdict["gates"],
        "results": [_result(row) for row in _rows(outcome.store, summary["suite"], summary["experiment"])],
        "passed": outcome.verdict.passed,
        "store": outcome.store.root,
        "report": outcome.store.uri(report_key(summary["suite"], summary["experiment"])),
        "wall_s": outcome.wall_s,
    }


def _result(row: Mapping[str, Any]) -> dict[str, Any]:
    """An attempt in the JSON document of a run; its transcript is in the store."""
    names = ("case_id", "attempt", "status", "score", "split", "latency_s", "cost_usd", "trace_url")
    shown = ("name", "turn", "passed", "score", "label", "message")
    return {
        **{name: row[name] for name in names},
        "trace_sampled_out": row["run_id"] is not None and row["trace_url"] is None,
        "why": why_not_passed(row),
        "assertions": [{name: assertion[name] for name in shown} for assertion in row["assertions"] or ()],
    }


def show_verdict(store: Store, verdict: ExperimentVerdict, console: Console, *, wall_s: float | None = None) -> None:
    """Print the results of an experiment: attempts with the failures first, metrics, gates."""
    summary = verdict.summary
    console.print(_attempts(_rows(store, summary.suite, summary.experiment)))
    for table in filter(_has_rows, (_metrics(summary), *kinds_of_results(summary))):
        console.print(table)
    counts = _counted(summary.status_counts)
    counts += f" · {summary.carried} reused from earlier experiments" if summary.carried else ""
    rate = summary.pass_rate
    shown = " · pass rate [bold]undecided[/]"
    if rate is not None:
        shown = f" · pass rate [bold]{rate.mean:.1%}[/] ({rate.low:.1%} to {rate.high:.1%})"
    size = f"{counted(summary.cases, 'case')}, {counted(summary.attempts, 'attempt')}"
    took = "" if wall_s is None else f" · {wall_s:.1f} s"
    console.print(f"{size}: {counts}{shown}{took}")
    if rate is not None:
        _explain(console, explanations.INTERVAL)
    for name, why in summary.undecided_metrics.items():
        console.print(escape(f"{name} decided nothing: {why}"), highlight=False, style="yellow", soft_wrap=True)
    for line in _usage_lines(summary):
        console.print(line, highlight=False, style="dim")
    if verdict.comparison is not None:
        console.print(escape(_change(verdict.comparison)), highlight=False)
        _explain(console, explanations.DIFFERENCE)
    for gate in verdict.gates:
        console.print(f"gate {escape(gate.name)}: {_mark(gate)}, {escape(gate.message)}")
        if gate.failing_cases:
            console.print(f"  cases: {escape(first_names(gate.failing_cases, MOST_NAMED))}", style="dim")
    if verdict.gates:
        _explain(console, explanations.GATES)


def show_outcome(outcome: EvaluationOutcome, console: Console) -> None:
    """Print the results of a run, and where to find more."""
    summary = outcome.verdict.summary
    show_verdict(outcome.store, outcome.verdict, console, wall_s=outcome.wall_s)
    report = outcome.store.uri(report_key(summary.suite, summary.experiment))
    ui = "`eval-pipeline ui` shows it"
    traces = "" if outcome.experiment_url is None else f"\ntraces      {outcome.experiment_url} ({ui})"
    reused = "reused" if outcome.context_reused else "built"
    scored, run = outcome.record.scores_of, f"Dagster     run {outcome.run_id} ({ui})"
    launched = run if scored is None else f"answers     of {escape(scored)}, scored again"
    console.print(
        f"\nexperiment  {escape(summary.experiment)}\ncontext     {outcome.record.context_id} ({reused})"
        f"\nreport      {escape(report)}{traces}\n{launched}",
        highlight=False,
        soft_wrap=True,
    )


def show_interrupted(store: Store, suite: str, experiment: str, console: Console, *, given: str) -> None:
    """Print the finished attempts of an interrupted run and how to resume it; nothing if none are finished."""
    rows = _rows(store, suite, experiment)
    if not rows:
        return
    console.print(_attempts(rows, rest=f"in {store.uri(experiment_prefix(suite, experiment))}"))
    counts = _counted(Counter(row["status"] for row in rows))
    console.print(
        f"{counted(len(rows), 'attempt')} finished: {counts}\n\nexperiment  {escape(experiment)}", highlight=False
    )
    console.print(f"resume      {escape(_resume_command(experiment, given))}", highlight=False, soft_wrap=True)


def how_to_resume(store: Store, suite: str, experiment: str, *, given: str) -> str | None:
    """How to resume a failed run, in a line; None if it has no finished attempts."""
    try:
        finished = len(_rows(store, suite, experiment))
    except EvalPipelineError:  # the store may be the reason why the run failed
        return None
    if not finished:
        return None
    return f"{counted(finished, 'attempt')} are finished and kept. Resume with: {_resume_command(experiment, given)}"


def show_lost_traces(outcome: EvaluationOutcome, console: Console, *, given: str) -> None:
    """Print how many traced runs and scores were lost and how to send the missing rows; nothing if none were lost."""
    if outcome.traces_lost:
        console.print(
            f"{outcome.traces_lost} traced runs and scores were lost: neither the server nor the spool accepted them. "
            "When one of them works again, send the missing rows with: "
            f"{escape(_resume_command(outcome.record.experiment, given))}",
            highlight=False,
            soft_wrap=True,
        )


def _resume_command(experiment: str, given: str) -> str:
    return f"eval-pipeline run {shlex.quote(given)} --resume {experiment}"


def _counted(status_counts: Mapping[str, int]) -> str:
    ordered = sorted(status_counts.items(), key=lambda pair: _ORDER[pair[0]])
    return ", ".join(f"[{_STYLE[status]}]{count} {status}[/]" for status, count in ordered)


def _explain(console: Console, sentence: str) -> None:
    console.print(f"  {sentence}", highlight=False, markup=False, style="dim", soft_wrap=True)


def _mark(gate: GateResult) -> str:
    if gate.passed:
        return "[green]passed[/]"
    return f"[red bold]{gate.outcome}[/]" if gate.blocks else f"[yellow]{gate.outcome} (warns only)[/]"


def _change(comparison: Comparison) -> str:
    """How the pass rate differs from the baseline, in a line, and the warnings of the comparison."""
    pass_rate = comparison.pass_rate
    if pass_rate is None:
        why = "nothing decided the common cases" if comparison.cases else "no common cases"
        why = "the metric changed" if comparison.changed_metrics else why
        lines = [f"compared with {comparison.baseline}: {why}", *(f"warning: {each}" for each in comparison.warnings)]
        return "\n".join(lines)
    low, high, detectable = pass_rate.low, pass_rate.high, pass_rate.smallest_detectable
    interval = "" if low is None or high is None else f" ({low:+.1%} to {high:+.1%})"
    power = "" if detectable is None else f"; a true drop of {detectable:.1%} would be detected in four of five"
    line = (
        f"compared with {comparison.baseline}: {pass_rate.change}, {pass_rate.difference:+.1%}{interval}, "
        f"{p_is(pass_rate.p_adjusted)}, {counted(len(comparison.improved), 'case')} improved, "
        f"{len(comparison.regressed)} regressed, {comparison.unchanged} unchanged{power}"
    )
    return "\n".join([line, *(f"warning: {warning}" for warning in comparison.warnings)])


def _rows(store: Store, suite: str, experiment: str) -> list[dict[str, Any]]:
    """The attempts of an experiment, errors and failures first."""
    columns = ["status", "score", "split", "assertions", "error", "limit", "latency_s"]
    columns += ["cost_usd", "trace_url", "run_id"]
    rows = read_results(store, suite, experiment, columns=columns).to_pylist()
    return sorted(rows, key=lambda row: (_ORDER[row["status"]], row["case_id"], row["attempt"]))


def _attempts(rows: Sequence[dict[str, Any]], *, rest: str = "in the report") -> Table:
    table = Table(box=rich.box.SIMPLE_HEAD)
    repeated = any(row["attempt"] > 1 for row in rows)
    for column in ("status", "case", *(["attempt"] if repeated else []), "split", "score", "reason"):
        table.add_column(column, justify="right" if column in ("attempt", "score") else "left", overflow="fold")
    for row in rows[:MOST_ROWS]:
        score = "" if row["score"] is None else f"{row['score']:.2f}"
        status = f"[{_STYLE[row['status']]}]{row['status']}[/]"
        attempt = [str(row["attempt"])] if repeated else []
        table.add_row(status, row["case_id"], *attempt, escape(row["split"]), score, escape(_reason(row)))
    if len(rows) > MOST_ROWS:
        hidden = rows[MOST_ROWS:]
        passed = sum(row["status"] == "passed" for row in hidden)
        table.caption = escape(f"{len(hidden)} more ({passed} passed) {rest}")
    return table


def _has_rows(table: Table) -> bool:
    return table.row_count > 0


def _metrics(summary: Summary) -> Table:
    table = Table(box=rich.box.SIMPLE_HEAD)
    depth = max((len(chances) for chances in summary.pass_hat_k.values()), default=0)
    errors = ["errors"] if summary.metric_errors else []
    chances_of = [f"pass^{k}" for k in range(1, depth + 1) if depth > 1]
    for column in ("metric", "mean", "95 % interval", "n", *errors, *chances_of):
        table.add_column(column, justify="left" if column == "metric" else "right")
    for name in dict.fromkeys([*summary.metrics, *summary.metric_errors]):
        chances = [f"{chance:.3f}" for chance in summary.pass_hat_k.get(name, ())] if depth > 1 else []
        metric = summary.metrics.get(name)
        numbers = ["-", "", "0"]
        if metric is not None:
            numbers = [f"{metric.mean:.3f}", f"{metric.low:.3f} to {metric.high:.3f}", str(metric.n)]
        lost = [str(summary.metric_errors.get(name, 0))] if errors else []
        table.add_row(escape(name), *numbers, *lost, *chances)
    return table


def _reason(row: dict[str, Any]) -> str:
    if row["error"]:
        return f"{row['error']['name']}: {row['error']['message']}"[:_LONGEST_REASON]
    if row["status"] == "limit":
        return why_not_passed(row)[:_LONGEST_REASON]
    failed = decided_against(row)
    return "; ".join(f"{assertion['name']}: {assertion['message']}" for assertion in failed)[:_LONGEST_REASON]


def _usage_lines(summary: Summary) -> Iterator[str]:
    """The model calls, tokens and cost of each role, a line each."""
    for name, text in summary.judges.items():
        yield f"judge of {name}: {text}"
    for name, ended in summary.limits.items():
        cost = "cost unknown" if ended.cost_usd is None else f"${ended.cost_usd:.4f}"
        yield f"limit {name}: ended {counted(ended.attempts, 'attempt')}, {cost}"
    for role, usage in summary.usage.items():
        cost = "cost unknown" if usage["cost_usd"] is None else f"${usage['cost_usd']:.4f}"
        cached = f", {usage['cached_calls']} from the cache" if usage["cached_calls"] else ""
        tokens = f"{usage['input']:,} input + {usage['output']:,} output tokens"
        yield f"{role}: {usage['calls']} model calls{cached}, {tokens}, {cost}"
    yield from cost_lines(summary.costs)
