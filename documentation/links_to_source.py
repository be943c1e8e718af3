"""A hook of MkDocs: links to files of the repository, which the site does not hold, become plain text."""

import re
from typing import Any

_LINK = re.compile(r"\[([^\]]+)\]\((?:\.\./)+(?!design/)[^)]*\)")


def on_page_markdown(markdown: str, *, page: Any, **_unused: Any) -> str:
    """The page without links that leave the folder of documents."""
    depth = page.file.src_uri.count("/")
    return markdown if depth else _LINK.sub(r"\1", markdown)
