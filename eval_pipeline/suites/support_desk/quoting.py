"""Choose the sentences of an article, or the reported fault, nearest to a question."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from eval_pipeline.suites.support_desk.similarity import Neighbours

_ARTICLE_THRESHOLD = 0.16
_ISSUE_THRESHOLD = 0.2
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])")


def best_quote(question: str, articles: Sequence[Mapping[str, Any]]) -> str | None:
    """From the article nearest to `question` its first sentence, which is its topic, and the nearest other one.

    Returns:
        The quotation, or None if no article that is not archived is near.
    """
    current = [article["text"] for article in articles if article["status"] != "archived"]
    if not current:
        return None
    best, similarity = _nearest(question, current)
    if similarity < _ARTICLE_THRESHOLD:
        return None
    lead, *others = _SENTENCE_END.split(current[best].partition("\n\n")[2])
    return f"{lead} {others[_nearest(question, others)[0]]}" if others else lead


def matching_issue(question: str, issues: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The reported fault nearest to `question`, or None if none is near."""
    if not issues:
        return None
    best, similarity = _nearest(question, [f"{issue['title']} {issue['description']}" for issue in issues])
    return issues[best] if similarity >= _ISSUE_THRESHOLD else None


def _nearest(question: str, texts: Sequence[str]) -> tuple[int, float]:
    similarities = Neighbours(texts).similarities(question)
    best = max(range(len(texts)), key=similarities.__getitem__)
    return best, similarities[best]
