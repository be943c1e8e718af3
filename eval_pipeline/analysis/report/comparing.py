"""Render the page that compares one or more experiments with a baseline."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from eval_pipeline.analysis.comparison.comparison import Comparison
from eval_pipeline.analysis.comparison.preferences import Preferences
from eval_pipeline.analysis.report import charts
from eval_pipeline.analysis.report.drawing import STYLE
from eval_pipeline.analysis.report.templating import style, template

POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render_comparison(
    comparisons: Sequence[Comparison], preferences: Mapping[str, Preferences], *, verdict: str | None = None
) -> str:
    """One self-contained page without scripts: the differences of each experiment, and the cases that changed.

    Args:
        comparisons: at least one, all with the same baseline.
        preferences: the preferences of a judge, by experiment.
        verdict: the conclusion from all of them in one sentence, if there is one.
    """
    return template("compare.html").render(
        baseline=comparisons[0].baseline,
        suite=comparisons[0].suite,
        verdict=verdict,
        comparisons=[(each, charts.deltas(each), preferences.get(each.experiment)) for each in comparisons],
        style=Markup(style() + STYLE),  # noqa: S704 - our own file
        policy=POLICY,
    )
