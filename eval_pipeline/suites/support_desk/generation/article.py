"""The record of a help-centre article."""

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
