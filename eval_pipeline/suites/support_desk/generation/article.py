"""The record of a help-centre article.

Belongs here: its fields. Does not belong here: its text.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Article:
    """One article, without its id, which is given when all are known."""

    title: str
    body: str
    category: str
    kind: str
    product: str | None = None
    region: str | None = None
    status: str = "current"
    updated: str = "2026-03-01"
