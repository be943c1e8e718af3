"""What came of a run, for people (a table, the failures first) and for programs (one JSON document).

Belongs here: those two forms. Does not belong here: computing any of it.
"""

from typing import Any

import rich.box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eval_pipeline.cli.launch import Outcome
from eval_pipeline.experiment.deciding import decided_against
from eval_pipeline.experiment.result_log import read_results
from eval_pipeline.store.layout import report_key

MOST_ROWS = 40
_ORDER = {"error": 0, "failed": 1, "skipped": 2, "passed": 3}
_STYLE = {"error": "yellow", "failed": "red", "skipped": "dim", "passed": "green"}


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """The outcome as one JSON document."""
    summary = outcome.summary.to_json()
    return {
        "suite": summary["suite"],
        "experiment": summary["experiment"],
        "experiment_url": outcome.experiment_url,
        "dataset_version": outcome.record.dataset_version,
        "context_id": outcome.record.context_id,
        "context_reused": outcome.context_reused,
        "target_version": outcome.record.target_version,
        "run_id": outcome.run_id,
        "cases": summary["cases"],
        "attempts": summary["attempts"],
        "status_counts": summary["status_counts"],
        "pass_rate": None if summary["pass_rate"] is None else summary["pass_rate"]["mean"],
        "pass_rate_interval": summary["pass_rate"],
        "score": summary["score"],
        "metrics": summary["metrics"],
        "pass_at_k": summary["pass_at_k"],
        "pass_hat_k": summary["pass_hat_k"],
        "splits": summary["splits"],
        "tags": summary["tags"],
        "latency_s": summary["latency_s"],
        "tokens": summary["tokens"],
        "cost_usd": summary["cost_usd"],
        "gates": [
            {
                "name": gate.name,
                "passed": gate.passed,
                "observed": gate.observed,
                "threshold": gate.threshold,
                "n": gate.n,
                "message": gate.message,
            }
            for gate in outcome.gates
        ],
        "store": outcome.store.root,
        "report": outcome.store.uri(report_key(summary["suite"], summary["experiment"])),
        "wall_s": outcome.wall_s,
    }


def show_outcome(outcome: Outcome, console: Console) -> None:
    """Print the outcome: attempts with the failures first, metrics, gates, and where to look next."""
    console.print(_attempts(outcome))
    console.print(_metrics(outcome))
    summary = outcome.summary
    counts = ", ".join(
        f"[{_STYLE[status]}]{count} {status}[/]"
        for status, count in sorted(summary.status_counts.items(), key=lambda pair: _ORDER[pair[0]])
    )
    rate = summary.pass_rate
    shown = "" if rate is None else f" · pass rate [bold]{rate.mean:.1%}[/] ({rate.low:.1%} to {rate.high:.1%})"
    console.print(f"{summary.cases} cases, {summary.attempts} attempts: {counts}{shown} · {outcome.wall_s:.1f} s")
    for gate in outcome.gates:
        mark = "[green]passed[/]" if gate.passed else "[red bold]failed[/]"
        console.print(f"gate {escape(gate.name)}: {mark}, {escape(gate.message)}")
    key = report_key(summary.suite, summary.experiment)
    traces = "" if outcome.experiment_url is None else f"\ntraces      {outcome.experiment_url} (`make ui` serves it)"
    reused = "reused" if outcome.context_reused else "built"
    console.print(
        f"\nexperiment  {escape(summary.experiment)}\ncontext     {outcome.record.context_id} ({reused})"
        f"\nreport      {escape(outcome.store.uri(key))}{traces}\nDagster     run {outcome.run_id}: `make ui` shows it",
        highlight=False,
        soft_wrap=True,
    )


def _attempts(outcome: Outcome) -> Table:
    columns = ["status", "score", "split", "assertions", "error", "latency_s"]
    rows = read_results(outcome.store, outcome.summary.suite, outcome.summary.experiment, columns=columns).to_pylist()
    rows.sort(key=lambda row: (_ORDER[row["status"]], row["case_id"], row["attempt"]))
    table = Table(box=rich.box.SIMPLE_HEAD)
    repeated = any(row["attempt"] > 1 for row in rows)
    for column in ("status", "case", *(["attempt"] if repeated else []), "split", "score", "why"):
        table.add_column(column, justify="right" if column in ("attempt", "score") else "left", overflow="fold")
    for row in rows[:MOST_ROWS]:
        score = "" if row["score"] is None else f"{row['score']:.2f}"
        status = f"[{_STYLE[row['status']]}]{row['status']}[/]"
        attempt = [str(row["attempt"])] if repeated else []
        table.add_row(status, row["case_id"], *attempt, escape(row["split"]), score, escape(_why(row)))
    if len(rows) > MOST_ROWS:
        rest = rows[MOST_ROWS:]
        passed = sum(row["status"] == "passed" for row in rest)
        table.caption = f"{len(rest)} more ({passed} of them passed) in the report"
    return table


def _metrics(outcome: Outcome) -> Table:
    table = Table(box=rich.box.SIMPLE_HEAD)
    depth = max((len(chances) for chances in outcome.summary.pass_hat_k.values()), default=0)
    for column in ("assertion", "mean", "95 % interval", "n", *(f"pass^{k}" for k in range(1, depth + 1) if depth > 1)):
        table.add_column(column, justify="left" if column == "assertion" else "right")
    for name, found in outcome.summary.metrics.items():
        chances = [f"{chance:.3f}" for chance in outcome.summary.pass_hat_k.get(name, ())] if depth > 1 else []
        table.add_row(escape(name), f"{found.mean:.3f}", f"{found.low:.3f} to {found.high:.3f}", str(found.n), *chances)
    return table


def _why(row: dict[str, Any]) -> str:
    if row["error"]:
        return f"{row['error']['name']}: {row['error']['message']}"[:200]
    return "; ".join(f"{found['name']}: {found['message']}" for found in decided_against(row))[:200]
