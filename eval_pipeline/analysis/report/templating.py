"""Templates and how values are written in them."""

import functools
from importlib import resources

import jinja2

from eval_pipeline.analysis.statistics.paired import p_is, shown_p

_SECONDS = 100


def template(name: str) -> jinja2.Template:
    """A page's template; everything it is given is escaped."""
    return _environment().get_template(name)


@functools.cache
def file_of(name: str) -> str:
    """A file beside the templates."""
    return (resources.files(__package__) / "templates" / name).read_text(encoding="utf-8")


def seconds(value: float) -> str:
    """`<1 ms`, `12 ms`, `3.4 s`, `150 s`."""
    if value < 1:
        return f"{1000 * value:.0f} ms" if value >= 0.001 else "<1 ms"  # noqa: PLR2004
    return f"{value:.3g} s" if value < _SECONDS else f"{value:.0f} s"


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("eval_pipeline.analysis.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["percent"] = lambda value: f"{value:.1%}"
    environment.filters["points"] = lambda value: f"{100 * value:+.1f}"
    environment.filters["usd"] = lambda value: f"${value:.4g}" if value < 1 else f"${value:,.2f}"
    environment.filters["seconds"] = seconds
    environment.filters["p"] = shown_p
    environment.filters["p_is"] = p_is
    environment.filters["count"] = lambda value: f"{value:,}"
    return environment
