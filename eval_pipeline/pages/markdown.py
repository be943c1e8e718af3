"""Render Markdown that agents wrote: HTML in it stays text, images are named and never fetched."""

import functools
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape

_MARKS = re.compile(r"[*_`#~|<\[\\&>]|^\s{0,3}(?:[-+]|\d+[.)])\s|^\s{4}|^\s{0,3}(?:=+|-{2,})\s*$|https?:", re.MULTILINE)
_LINKED = frozenset({"http", "https", "mailto"})


class _Renderer(RendererHTML):
    """Shows images by their text and address, and opens links without a referrer."""

    def image(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        """The text of an image and its address."""
        token = tokens[idx]
        name = self.renderInlineAsText(token.children or [], options, env) or "image"
        return str(Markup('<span class="inert">{}: {}</span>').format(name, token.attrs.get("src", "")))

    def link_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        """A link, with its address in sight of who points at it."""
        token = tokens[idx]
        token.attrSet("rel", "noopener noreferrer nofollow")
        token.attrSet("title", str(token.attrs.get("href", "")))
        return self.renderToken(tokens, idx, options, env)


def markdown(text: str) -> Markup:
    """The HTML of Markdown; plain text is a paragraph."""
    if not _MARKS.search(text):  # most answers, a hundred times faster
        paragraphs = [part for part in re.split(r"\n\s*\n", text) if part.strip()]
        return Markup("\n").join(
            Markup("<p>{}</p>").format(Markup("<br>\n").join(escape(line) for line in part.strip().splitlines()))
            for part in paragraphs
        )
    return Markup(_parser().render(text))  # noqa: S704 - HTML is off, so that every text is escaped


@functools.cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("js-default", {"html": False, "breaks": True, "linkify": False}, renderer_cls=_Renderer)
    parser.validateLink = _is_link  # type: ignore[method-assign]
    return parser


def _is_link(url: str) -> bool:
    try:
        return urlsplit(url).scheme.lower() in _LINKED
    except ValueError:
        return False
