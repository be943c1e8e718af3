"""An experiment as Markdown, for the comment on a pull request and the summary of a CI job."""

import re
from collections.abc import Iterator, Sequence

from eval_pipeline.analysis.comparison.comparison import Comparison, Difference
from eval_pipeline.analysis.export.experiment import ExportedExperiment
from eval_pipeline.redaction.control_characters import without_control_characters
from eval_pipeline.wording import counted

_MOST_CASES = 20
_LONGEST = 300
_NOT_IN_LINKS = re.compile(r"[()<>\s|]")
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+|~!:])")


def markdown(experiment: ExportedExperiment) -> str:
    """The verdict, the gates, what changed with its intervals, and the worst attempts first.

    The first line is a comment by which a later run finds its text, to replace it.
    """
    parts = [
        marker(experiment.record.suite),
        *_verdict(experiment),
        *_gates(experiment),
        *_change(experiment.verdict.comparison),
        *_worst(experiment),
        f"<sub>experiment {_code(experiment.record.experiment)} · {_text(experiment.record.created_at[:16])} UTC</sub>",
    ]
    return "\n\n".join(parts) + "\n"


def marker(suite: str) -> str:
    """The comment at the beginning of a suite's text."""
    return f"<!-- eval-pipeline: {suite} -->"


def _verdict(experiment: ExportedExperiment) -> Iterator[str]:
    summary, rate = experiment.verdict.summary, experiment.verdict.summary.pass_rate
    outcome = "passed" if experiment.verdict.passed else "failed"
    yield f"### {_text(summary.suite)}: {outcome}"
    shown = "pass rate **undecided**"
    if rate is not None:
        shown = f"pass rate **{rate.mean:.1%}** (95 % interval {rate.low:.1%} to {rate.high:.1%})"
    counts = ", ".join(f"{count} {status}" for status, count in summary.status_counts.items())
    cost = "" if summary.cost_usd is None else f" · ${summary.cost_usd:.4f}"
    yield f"{shown} · {counted(summary.cases, 'case')}, {counted(summary.attempts, 'attempt')}: {counts}{cost}"


def _gates(experiment: ExportedExperiment) -> Iterator[str]:
    gates = experiment.verdict.gates
    if gates:
        ordered = sorted(gates, key=lambda gate: gate.passed)
        rows = [(gate.name, "passed" if gate.passed else gate.outcome, gate.message) for gate in ordered]
        yield _table(("gate", "outcome", ""), rows)


def _change(comparison: Comparison | None) -> Iterator[str]:
    if comparison is None:
        return
    yield (
        f"**Compared with** {_code(comparison.baseline)}: {counted(len(comparison.improved), 'case')} improved, "
        f"{len(comparison.regressed)} regressed, {comparison.unchanged} unchanged"
    )
    named = {"pass rate": comparison.pass_rate, "score": comparison.score, **comparison.metrics}
    rows = [_difference(name, value) for name, value in named.items() if value is not None]
    if rows:
        yield _table(("", "then", "now", "difference", "95 % interval", "p"), rows)
    for warning in comparison.warnings:
        yield f"> {_text(warning)}"
    if comparison.regressed:
        cases = ", ".join(_code(case.case_id) for case in comparison.regressed[:_MOST_CASES])
        more = len(comparison.regressed) - _MOST_CASES
        yield f"**Regressed:** {cases}{f' and {more} more' if more > 0 else ''}"


def _difference(name: str, value: Difference) -> tuple[str, ...]:
    interval = "" if value.low is None or value.high is None else f"{100 * value.low:+.1f} to {100 * value.high:+.1f}"
    points = f"{100 * value.difference:+.1f} points ({value.change})"
    return name, f"{value.then:.1%}", f"{value.now:.1%}", points, interval, f"{value.p_adjusted:.3f}"


def _worst(experiment: ExportedExperiment) -> Iterator[str]:
    bad = [row for row in experiment.worst_first if row["status"] != "passed"]
    if not bad:
        return
    rows = [
        (
            _linked(experiment.title(row), row["trace_url"]),
            row["status"],
            "" if row["score"] is None else f"{row['score']:.2f}",
            _text(row["why"]),
        )
        for row in bad[:_MOST_CASES]
    ]
    more = f"\n\n{counted(len(bad) - len(rows), 'more attempt')} did not pass." if len(bad) > len(rows) else ""
    title = f"<details open><summary>{counted(len(bad), 'attempt')} did not pass</summary>"
    yield f"{title}\n\n{_table(('case', 'status', 'score', 'why'), rows, escaped=True)}{more}\n\n</details>"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], *, escaped: bool = False) -> str:
    lines = [header, ["---"] * len(header), *(row if escaped else [_text(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _linked(text: str, url: str | None) -> str:
    return (
        _text(text)
        if not url or not url.startswith(("http://", "https://"))
        else f"[{_text(text)}]({_NOT_IN_LINKS.sub('', url)})"
    )


def _code(text: str) -> str:
    return f"`{text.replace('`', '')}`"


def _text(text: str) -> str:
    """Text of an agent or a case in one line: no markup, no HTML, and no mention of a person."""
    line = " ".join(without_control_characters(text).split())
    line = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
    escaped = _MARKUP.sub(r"\\\1", line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    return escaped.replace("@", "&#64;")
