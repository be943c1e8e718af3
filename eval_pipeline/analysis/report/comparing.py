"""The page of several experiments held against one."""

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
    """One self-contained page without scripts: for each experiment what changed, and which cases.

    Args:
        comparisons: with one baseline, at least one.
        preferences: what a judge preferred, by experiment.
        verdict: what they come to together, in a sentence, if anybody said so.
    """
    return template("compare.html").render(
        baseline=comparisons[0].baseline,
        suite=comparisons[0].suite,
        verdict=verdict,
        comparisons=[(found, charts.deltas(found), preferences.get(found.experiment)) for found in comparisons],
        style=Markup(style() + STYLE),  # noqa: S704 - our own file
        policy=POLICY,
    )
