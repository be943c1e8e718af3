"""Show values and conversations as HTML: the one renderer of the report, the recorder and `eval-pipeline serve`."""

import functools
from collections.abc import Sequence
from typing import Any

import jinja2
from markupsafe import Markup

from eval_pipeline.pages.conversation import ShownMessage
from eval_pipeline.pages.templating import environment


def value_html(value: Any) -> Markup:
    """An input, an output or another value. Messages in it are a conversation, large parts are folded."""
    shown: Markup = _macros().value_view(value)
    return shown


def conversation_html(messages: Sequence[ShownMessage]) -> Markup:
    """Messages, each at the side of who wrote it, with its tool calls: arguments and result side by side."""
    shown: Markup = _macros().conversation_view(messages)
    return shown


@functools.cache
def _macros() -> Any:
    template: jinja2.Template = environment("eval_pipeline.pages").get_template("values.html")
    return template.module
