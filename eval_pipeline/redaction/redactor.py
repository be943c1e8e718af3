"""Taking personal data and secrets out of text, JSON values and JSON bytes.

A value is searched only when a cheap look at its bytes says that there may be something: most have nothing.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from eval_pipeline.redaction.patterns import (
    CARD,
    DONE,
    PATTERNS,
    PHONE,
    SECRET,
    SHORTEST,
    VERSION,
    card_replaced,
    has_signs,
    names_secret,
)
from eval_pipeline.store.content_hash import digest


class RedactionSettings(Protocol):
    """The settings that say what is taken out."""

    @property
    def redaction_enabled(self) -> bool:
        """False: nothing is."""

    @property
    def redact_phone_numbers(self) -> bool:
        """Whether telephone numbers are too, which much looks like that is none."""

    @property
    def redaction_patterns(self) -> Mapping[str, str]:
        """Besides: name to regular expression."""


@dataclass(frozen=True, kw_only=True)
class Redactor:
    """What is taken out, and how."""

    enabled: bool = True
    phone_numbers: bool = False
    own: tuple[tuple[str, re.Pattern[str]], ...] = ()

    @classmethod
    def of(cls, settings: RedactionSettings) -> "Redactor":
        """The redactor that the settings ask for."""
        own = tuple((name, re.compile(pattern)) for name, pattern in settings.redaction_patterns.items())
        return cls(enabled=settings.redaction_enabled, phone_numbers=settings.redact_phone_numbers, own=own)

    @property
    def identity(self) -> str:
        """A hash of what is taken out; what is stored redacted differs where it differs."""
        patterns = [(name, pattern.pattern) for name, pattern in self.own]
        return digest(VERSION, self.enabled, self.phone_numbers, patterns)

    def text(self, text: str) -> str:
        """`text` without what has to be taken out. What was taken out already stays as it is."""
        if not self.enabled or not text:
            return text
        if len(text) < SHORTEST and "@" not in text and not self.own and not self.phone_numbers:
            return text
        while (found := self._once(text)) != text:
            # What is taken out can be what kept its neighbour from being seen.
            text = found
        return text

    def value(self, value: Any) -> Any:
        """A JSON value with every text in it redacted, and whatever stands under a key that says it is secret.

        Numbers and structure stay, and so do keys, unless one holds something itself.
        """
        if not self.enabled:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            # A token with a log probability is a piece of text, not a key to anything.
            harmless = "logprob" in value
            found: dict[Any, Any] = {}
            for key, item in value.items():
                found[self._key(key, found)] = self._under(key, item, harmless=harmless)
            return found
        if isinstance(value, orjson.Fragment):  # JSON already, and nothing in it may pass unseen
            return self.value(orjson.loads(orjson.dumps(value)))
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return tuple(map(self.value, value)) if isinstance(value, tuple) else value

    def leaves(self, value: Any) -> bool:
        """Whether a value would stay as it is, by a cheap look at it as JSON. Not to be sure of it is no as well."""
        try:
            data = orjson.dumps(value, default=_text_of, option=orjson.OPT_NON_STR_KEYS)
            return self.json(data) is data
        except (TypeError, ValueError):  # half a surrogate pair
            return False

    def json(self, data: bytes) -> bytes:
        """JSON as bytes, redacted; parsed only if there may be something in it.

        Raises:
            ValueError: it is not JSON.
        """
        if not self.enabled or not (self.own or self.phone_numbers or has_signs(data)):
            return data
        try:
            before = orjson.loads(data)
        except orjson.JSONDecodeError:
            # Such as whole numbers of more than 64 bits, which Python writes.
            before = json.loads(data)
        after = self.value(before)
        if after == before:
            return data
        try:
            return orjson.dumps(after)
        except TypeError:
            return json.dumps(after, ensure_ascii=False).encode()

    def cell(self, text: str) -> str:
        """`text`, which may be JSON, whose keys tell of secrets too."""
        if text[:1] in '{["':
            try:
                return self.json(text.encode()).decode()
            except ValueError:
                pass
        return self.text(text)

    def _key(self, key: Any, taken: Mapping[Any, Any]) -> Any:
        shown = wanted = self.text(key) if isinstance(key, str) else key
        count = 1
        while shown in taken:
            # Two that are told apart by what was taken out still are two.
            count += 1
            shown = f"{wanted} ({count})"
        return shown

    def _under(self, key: Any, value: Any, *, harmless: bool) -> Any:
        if not harmless and isinstance(key, str) and names_secret(key):
            return without_texts(value)
        return self.value(value)

    def _once(self, text: str) -> str:
        if "[redacted:" not in text:
            return self._piece(text)
        return "".join(part if DONE.fullmatch(part) else self._piece(part) for part in DONE.split(text))

    def _piece(self, text: str) -> str:
        for name, pattern, triggers in PATTERNS:
            if any(trigger in text for trigger in triggers):
                text = pattern.sub(f"[redacted:{name}]", text)
        for name, pattern in self.own:
            text = self._outside(pattern, f"[redacted:{name}]", text)
        text = self._outside(CARD, card_replaced, text)
        return self._outside(PHONE, "[redacted:phone]", text) if self.phone_numbers else text

    def _outside(self, pattern: re.Pattern[str], replacement: str | Callable[[re.Match[str]], str], text: str) -> str:
        """Substitute, but not inside of what was taken out before."""
        if pattern.search(text) is None:
            return text
        parts = DONE.split(text)
        return "".join(part if DONE.fullmatch(part) else pattern.sub(replacement, part) for part in parts)


def _text_of(value: Any) -> str:
    if isinstance(value, Mapping):  # whose text shows keys otherwise than JSON does
        raise TypeError(type(value).__name__)
    return str(value)


def without_texts(value: Any) -> Any:
    """What is left of a value that is secret as a whole: its structure and its numbers."""
    if isinstance(value, str):
        return SECRET if value else value
    if isinstance(value, Mapping):
        return {key: without_texts(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_texts(item) for item in value]
    return value
