"""What the user wants: the nearest example of every sentence decides, among those that make sense at that point."""

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
"""Intents that act need their word to be said, however near an example is."""


def intents_of(said: Sequence[str]) -> list[str]:
    """What the last of the messages in `said` wants, in the order of its sentences; nothing, if it is mere courtesy.

    A message that says too little ("And O-1002?") wants what the one before it wanted.
    """
    if not said or _COURTESY.fullmatch(said[-1]):
        return []
    rest = slots.without_entities(said[-1])
    candidates = _candidates(said)
    short = len(words(rest)) <= _FEW_WORDS and len(said) > 1
    found = [_nearest(clause, candidates, _STRONG if short else _WEAK) for clause in _CLAUSE.split(rest)]
    if not any(found) and short:
        found = [intent for intent in intents_of(said[:-1]) if intent in candidates]
    intents = list(dict.fromkeys(intent for intent in found if intent))
    return intents or ["order" if slots.order_ids(said[-1]) else "policy"]


def _candidates(said: Sequence[str]) -> frozenset[str]:
    """The intents that make sense: of one order, if it is named; of the user, if they are known or speak of theirs."""
    if slots.order_ids(said[-1]):
        return frozenset(EXAMPLES) - _NOT_ABOUT_ONE_ORDER
    known = slots.email(said) or any(slots.order_ids(text) or _OF_THEIRS.search(text) for text in said)
    return frozenset(EXAMPLES) if known else frozenset(EXAMPLES) - _ABOUT_THEM


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
