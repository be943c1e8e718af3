"""The template environment and the style sheets of a package that has pages."""

import functools
from importlib import resources

import jinja2

from eval_pipeline.pages.conversation import messages_alone
from eval_pipeline.pages.markdown import markdown
from eval_pipeline.pages.values import folds, image_source, outline, parsed, plain, text

_SHARED = "eval_pipeline.pages"
_FILTERS = (folds, image_source, markdown, messages_alone, outline, parsed, plain, text)


def environment(package: str) -> jinja2.Environment:
    """Load templates from `package`'s folder `templates`, then from the shared one.

    Every value is escaped, and undefined names are refused.
    """
    templates = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package), jinja2.PackageLoader(_SHARED)]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    templates.filters.update({function.__name__: function for function in _FILTERS})
    return templates


@functools.cache
def shared_script(name: str) -> str:
    """The text of a script of this package, such as `keys.js`."""
    return resources.files(_SHARED).joinpath(name).read_text(encoding="utf-8")


@functools.cache
def stylesheet(package: str, path: str) -> str:
    """The base styles, followed by the style sheet at `path` in `package`."""
    base = resources.files(_SHARED).joinpath("base.css")
    return base.read_text(encoding="utf-8") + resources.files(package).joinpath(path).read_text(encoding="utf-8")
