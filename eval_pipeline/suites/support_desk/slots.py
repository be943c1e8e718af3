"""Extract order ids, e-mail addresses, product names, and the requested form of the answer from messages."""

import re
from collections.abc import Sequence

_ORDER_ID = re.compile(r"\bO[-\s]?(\d{4})\b|\border\s+(?:no\.?|number|id|#)?\s*#?(\d{4})\b", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_CAPITALIZED = re.compile(r"(?<![.!?]\s)(?<!^)\b(?:[A-Z][\w]*(?:-[A-Z]\w+)?(?:\s+(?=[A-Z]))?){1,4}")
_JSON = re.compile(r"\bjson\b", re.IGNORECASE)
_ONE_WORD = re.compile(r"\b(?:one|single) word\b|\b(?:only|just|nothing but) the (?:status|word)\b", re.IGNORECASE)
_NEWEST = re.compile(r"\b(?:latest|last|newest|most recent)\b", re.IGNORECASE)
_OLDEST = re.compile(r"\b(?:oldest|first|earliest)\b", re.IGNORECASE)


def order_ids(text: str) -> list[str]:
    """The order ids in `text`, in the shop's spelling, each once."""
    return list(dict.fromkeys(f"O-{dashed or plain}" for dashed, plain in _ORDER_ID.findall(text)))


def email(texts: Sequence[str]) -> str | None:
    """The e-mail address that was given last."""
    addresses = [address for text in texts for address in _EMAIL.findall(text)]
    return addresses[-1].rstrip(".") if addresses else None


def product_name(text: str) -> str | None:
    """The longest run of capitalized words within a sentence: product names are written like that."""
    names = [name.strip() for name in _CAPITALIZED.findall(text) if name.strip() not in ("I", "O", "EUR", "JSON")]
    return max(names, key=len) if names else None


def without_entities(text: str) -> str:
    """`text` without ids and addresses, which do not matter for the intent."""
    return _EMAIL.sub(" ", _ORDER_ID.sub(" ", text))


def wants_json(text: str) -> bool:
    """Whether the answer should be JSON."""
    return _JSON.search(text) is not None


def wants_one_word(text: str) -> bool:
    """Whether the answer should be the bare word."""
    return _ONE_WORD.search(text) is not None


def chosen(text: str, ids: Sequence[str]) -> str | None:
    """The id that `text` refers to, of `ids` (newest first), if it refers to one or there is only one."""
    if len(ids) == 1 or (ids and _NEWEST.search(text)):
        return ids[0]
    return ids[-1] if ids and _OLDEST.search(text) else None
