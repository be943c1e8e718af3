"""Recognize what the user wants: the nearest example to each sentence, among the intents that are possible."""

import functools
import re
from collections.abc import Collection, Sequence

from eval_pipeline.suites.support_desk import slots
from eval_pipeline.suites.support_desk.intent_examples import EXAMPLES
from eval_pipeline.suites.support_desk.similarity import Neighbours, words

_WEAK, _STRONG = 0.18, 0.45
"""Similarities from which an example counts at all, and from which it counts in a message of a few words."""
_FEW_WORDS = 2

_CLAUSE = re.compile(
    r"[.?!;]\s+|[.?!;]$|,? and (?=(?:also|then|how|what|when|where|which|can|do|is|please)\b)", re.IGNORECASE
)
_COURTESY = re.compile(
    r"\W*(?:hi|hello|hey|thanks?(?: you| a lot)?|great|ok(?:ay)?|perfect|bye|good (?:morning|day|evening))\b"
    r"[\s\w,]{0,20}\W*",
    re.IGNORECASE,
)
_OF_THEIRS = re.compile(
    r"\bmy (?:\w+ )?(?:orders?|parcel|package|account|purchase|tier|loyalty)\b|\bdo I have\b|"
    r"\bI (?:ordered|bought|paid|spent)\b"
)
_ABOUT_THEM = frozenset(("order", "tracking", "orders", "account", "refund", "eligibility"))
"""Intents that concern the user's own orders or account."""
_NOT_ABOUT_ONE_ORDER = frozenset(("orders", "account", "product"))
_ACTING = {"refund": re.compile(r"refund|return|money|(?:send|give) .*back", re.IGNORECASE)}
"""Intents that act require one of these words, however near an example is."""


def intents_of(messages: Sequence[str]) -> list[str]:
    """The intents of the last message, in the order of its sentences; none if it is only courtesy.

    A message that is too short ("And O-1002?") has the intents of the one before it.
    """
    if not messages or _COURTESY.fullmatch(messages[-1]):
        return []
    rest = slots.without_entities(messages[-1])
    candidates = _candidates(messages)
    short = len(words(rest)) <= _FEW_WORDS and len(messages) > 1
    by_clause = [_nearest(clause, candidates, _STRONG if short else _WEAK) for clause in _CLAUSE.split(rest)]
    if not any(by_clause) and short:
        by_clause = [intent for intent in intents_of(messages[:-1]) if intent in candidates]
    intents = list(dict.fromkeys(intent for intent in by_clause if intent))
    return intents or ["order" if slots.order_ids(messages[-1]) else "policy"]


def _candidates(messages: Sequence[str]) -> frozenset[str]:
    """The possible intents: about an order if one is named; about the user if they are identified or mention theirs."""
    if slots.order_ids(messages[-1]):
        return frozenset(EXAMPLES) - _NOT_ABOUT_ONE_ORDER
    identified = slots.email(messages) or any(slots.order_ids(text) or _OF_THEIRS.search(text) for text in messages)
    return frozenset(EXAMPLES) if identified else frozenset(EXAMPLES) - _ABOUT_THEM


def _nearest(clause: str, candidates: Collection[str], threshold: float) -> str | None:
    neighbours, labels = _examples()
    ranked = sorted(zip(neighbours.similarities(clause), labels, strict=True), reverse=True)
    for similarity, label in ranked:
        acts = _ACTING.get(label)
        if similarity >= threshold and label in candidates and (acts is None or acts.search(clause)):
            return label
    return None


@functools.cache
def _examples() -> tuple[Neighbours, tuple[str, ...]]:
    pairs = [(label, text) for label, texts in EXAMPLES.items() for text in texts]
    return Neighbours([text for _, text in pairs]), tuple(label for label, _ in pairs)
