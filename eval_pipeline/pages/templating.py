"""The template environment and the style sheets of a package that has pages."""

import functools
from importlib import resources

import jinja2


def environment(package: str) -> jinja2.Environment:
    """Load templates from `package`'s folder `templates`; escape every value and refuse undefined names."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


@functools.cache
def value_script() -> str:
    """The script that shows inputs and outputs: its function `valueView`."""
    return resources.files("eval_pipeline.pages").joinpath("value.js").read_text(encoding="utf-8")


@functools.cache
def stylesheet(package: str, path: str) -> str:
    """The base styles, followed by the style sheet at `path` in `package`."""
    base = resources.files("eval_pipeline.pages").joinpath("base.css")
    return base.read_text(encoding="utf-8") + resources.files(package).joinpath(path).read_text(encoding="utf-8")
