"""Redact secrets and personal data in text, JSON values and JSON bytes.

A document is parsed and searched only if a cheap test of its bytes finds signs of something: most have none.
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
    KINDS,
    PHONE,
    SECRET,
    SHORTEST_MATCH,
    VERSION,
    card_replaced,
    has_signs,
    names_secret,
)
from eval_pipeline.store.content_hash import digest


class RedactionSettings(Protocol):
    """The settings of redaction."""

    @property
    def redaction_enabled(self) -> bool:
        """Whether anything is redacted."""

    @property
    def redact_phone_numbers(self) -> bool:
        """Whether telephone numbers are redacted. Many other numbers look like one."""

    @property
    def redaction_patterns(self) -> Mapping[str, str]:
        """The user's own patterns: a name and a regular expression each."""


@dataclass(frozen=True, kw_only=True)
class Redactor:
    """Replaces secrets and personal data by `[redacted:<kind>]`."""

    enabled: bool = True
    phone_numbers: bool = False
    custom: tuple[tuple[str, re.Pattern[str]], ...] = ()
    """The user's own patterns, by name."""

    @classmethod
    def of(cls, settings: RedactionSettings) -> "Redactor":
        """The redactor with these settings."""
        custom = tuple((name, re.compile(pattern)) for name, pattern in settings.redaction_patterns.items())
        return cls(enabled=settings.redaction_enabled, phone_numbers=settings.redact_phone_numbers, custom=custom)

    @property
    def identity(self) -> str:
        """A hash of everything that decides what is redacted; part of the names of what is stored redacted."""
        patterns = [(name, pattern.pattern) for name, pattern in self.custom]
        return digest(VERSION, self.enabled, self.phone_numbers, patterns)

    def text(self, text: str) -> str:
        """`text`, redacted. Replacements that it contains already stay as they are."""
        if not self.enabled or not text:
            return text
        if len(text) < SHORTEST_MATCH and "@" not in text and not self.custom and not self.phone_numbers:
            return text
        while (redacted := self._once(text)) != text:
            # A match may have kept its neighbour from matching.
            text = redacted
        return text

    def value(self, value: Any) -> Any:
        """A JSON value with every text in it redacted, and every text under a key that names a secret.

        Numbers and structure stay. Keys are redacted as texts are.
        """
        if not self.enabled:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            # A `token` beside a log probability is a piece of generated text, not a secret.
            harmless = "logprob" in value
            redacted: dict[Any, Any] = {}
            for key, item in value.items():
                redacted[self._key(key, redacted)] = self._under(key, item, harmless=harmless)
            return redacted
        if isinstance(value, orjson.Fragment):  # a serialized part
            return self.value(orjson.loads(orjson.dumps(value)))
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return tuple(map(self.value, value)) if isinstance(value, tuple) else value

    def leaves(self, value: Any) -> bool:
        """Whether nothing in a value would be redacted, by a cheap test of it as JSON; False if that is uncertain."""
        try:
            data = orjson.dumps(value, default=_text_of, option=orjson.OPT_NON_STR_KEYS)
            return self.json(data) is data
        except (TypeError, ValueError):  # such as a lone surrogate
            return False

    def json(self, data: bytes) -> bytes:
        """A JSON document, redacted; the same object if nothing had to be. It is parsed only if it has signs.

        Raises:
            ValueError: it has signs, and is not JSON.
        """
        if not self.enabled or not (self.custom or self.phone_numbers or has_signs(data)):
            return data
        try:
            before = orjson.loads(data)
        except orjson.JSONDecodeError:
            # Such as integers of more than 64 bits, which Python writes.
            before = json.loads(data)
        after = self.value(before)
        if after == before:
            return data
        try:
            return orjson.dumps(after)
        except TypeError:
            return json.dumps(after, ensure_ascii=False).encode()

    def cell(self, text: str) -> str:
        """`text`, redacted; as a JSON document if it is one, whose keys may name secrets."""
        if text[:1] in '{["':
            try:
                return self.json(text.encode()).decode()
            except ValueError:
                pass
        return self.text(text)

    def _key(self, key: Any, taken: Mapping[Any, Any]) -> Any:
        unique = redacted = self.text(key) if isinstance(key, str) else key
        count = 1
        while unique in taken:
            # Keys that differed only in what was redacted stay separate.
            count += 1
            unique = f"{redacted} ({count})"
        return unique

    def _under(self, key: Any, value: Any, *, harmless: bool) -> Any:
        if not harmless and isinstance(key, str) and names_secret(key):
            return without_texts(value)
        return self.value(value)

    def _once(self, text: str) -> str:
        if "[redacted:" not in text:
            return self._piece(text)
        return "".join(part if DONE.fullmatch(part) else self._piece(part) for part in DONE.split(text))

    def _piece(self, text: str) -> str:
        for kind in KINDS:
            if any(trigger in text for trigger in kind.triggers):
                text = kind.pattern.sub(f"[redacted:{kind.name}]", text)
        for name, pattern in self.custom:
            text = self._outside(pattern, f"[redacted:{name}]", text)
        text = self._outside(CARD, card_replaced, text)
        return self._outside(PHONE, "[redacted:phone]", text) if self.phone_numbers else text

    def _outside(self, pattern: re.Pattern[str], replacement: str | Callable[[re.Match[str]], str], text: str) -> str:
        """Substitute, but not within replacements."""
        if pattern.search(text) is None:
            return text
        parts = DONE.split(text)
        return "".join(part if DONE.fullmatch(part) else pattern.sub(replacement, part) for part in parts)


def _text_of(value: Any) -> str:
    if isinstance(value, Mapping):  # whose `str` writes keys in another form than JSON
        raise TypeError(type(value).__name__)
    return str(value)


def without_texts(value: Any) -> Any:
    """A value that is secret as a whole, without its texts: structure and numbers stay."""
    if isinstance(value, str):
        return SECRET if value else value
    if isinstance(value, Mapping):
        return {key: without_texts(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_texts(item) for item in value]
    return value
