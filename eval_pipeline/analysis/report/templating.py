"""The templates of the report, with filters that format numbers."""

import functools
from importlib import resources

import jinja2

from eval_pipeline.analysis import explanations
from eval_pipeline.analysis.statistics.paired import p_is, shown_p
from eval_pipeline.pages.templating import environment, shared_script, stylesheet
from eval_pipeline.wording import counted

_PACKAGE = "eval_pipeline.analysis.report"

_SECONDS = 100


def template(name: str) -> jinja2.Template:
    """The template of a page; values are escaped."""
    return _environment().get_template(name)


def style() -> str:
    """The style sheet of the report and of comparisons."""
    return stylesheet(_PACKAGE, "templates/report.css")


@functools.cache
def script() -> str:
    """The script of the report."""
    own = resources.files(_PACKAGE) / "templates" / "report.js"
    return shared_script("keys.js") + own.read_text(encoding="utf-8")


def seconds(value: float) -> str:
    """Seconds as text: `<1 ms`, `12 ms`, `3.4 s`, `150 s`."""
    if value < 1:
        return f"{1000 * value:.0f} ms" if value >= 0.001 else "<1 ms"  # noqa: PLR2004
    return f"{value:.3g} s" if value < _SECONDS else f"{value:.0f} s"


@functools.cache
def _environment() -> jinja2.Environment:
    templates = environment(_PACKAGE)
    templates.globals["explained"] = explanations.ALL
    templates.filters["percent"] = lambda value: f"{value:.1%}"
    templates.filters["points"] = lambda value: f"{100 * value:+.1f}"
    templates.filters["usd"] = lambda value: f"${value:.4g}" if value < 1 else f"${value:,.2f}"
    templates.filters["seconds"] = seconds
    templates.filters["p"] = shown_p
    templates.filters["p_is"] = p_is
    templates.filters["count"] = lambda value: f"{value:,}"
    templates.filters["counted"] = counted
    return templates
