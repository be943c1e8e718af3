"""Redact secrets and personal data in text, JSON values and JSON bytes.

A document is parsed and searched only if a cheap test of its bytes finds signs of something: most have none.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from eval_pipeline.redaction.encodings import views_of
from eval_pipeline.redaction.patterns import (
    DONE,
    KINDS,
    PERSONAL,
    PHONE,
    SECRET,
    SHORTEST_MATCH,
    SHORTEST_TOKEN,
    VERSION,
)
from eval_pipeline.redaction.secret_names import names_secret, secrets_under_names
from eval_pipeline.redaction.signs import has_signs
from eval_pipeline.store.content_hash import digest

_Span = tuple[int, int, str]
"""Where a match starts and ends, and the name of its kind."""
_IN_PIECES = tuple(kind for kind in KINDS if not kind.in_one_piece)
_MAY_BE_SHORT = re.compile("[@:=>]")
_MOST_ROUNDS = 12


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
        if len(text) < SHORTEST_MATCH and not (self.custom or self.phone_numbers or _MAY_BE_SHORT.search(text)):
            return text
        for _ in range(_MOST_ROUNDS):
            # A match may have kept its neighbour from matching.
            redacted = self._once(text)
            if redacted == text:
                break
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
        views = list(views_of(text))
        for view in views:
            # Quotation marks tell where a secret ends, before they are decoded.
            named = ((*view.origin(*span), "secret") for span in secrets_under_names(view.text))
            if spans := _separate(named, text):
                return _replaced(text, spans)
        matches = (
            (*view.origin(start, end), name)
            for view in views
            for start, end, name in self._matches(view.without_escapes)
        )
        return _replaced(text, _separate(matches, text))

    def _matches(self, text: str) -> Iterator[_Span]:
        has_tokens = max(map(len, text.split()), default=0) >= SHORTEST_TOKEN
        for kind in KINDS if has_tokens else _IN_PIECES:
            if kind.triggers and not any(trigger in text for trigger in kind.triggers):
                continue
            for match in kind.pattern.finditer(text):
                if kind.is_one(match[0]):
                    whole = "secret" not in kind.pattern.groupindex or match["secret"] is None
                    yield *match.span(0 if whole else "secret"), kind.name
        for name, pattern in self.custom:
            yield from ((*match.span(), name) for match in pattern.finditer(text))
        if self.phone_numbers:
            yield from ((*match.span(), "phone") for match in PHONE.finditer(text))


def _separate(spans: Iterable[_Span], text: str) -> list[_Span]:
    """Those that replacements do not contain, sorted, and joined where they overlap; the longer one names both.

    Personal data that overlaps a secret is left to the next round: `://ann:word@example.com` holds a password and no
    address.
    """
    done = [match.span() for match in DONE.finditer(text)] if "[redacted:" in text else []
    joined: list[_Span] = []
    for start, end, name in sorted(spans):
        nearest = bisect_right(done, (start, len(text))) - 1
        if start == end or (nearest >= 0 and end <= done[nearest][1]):
            continue
        if not joined or start >= joined[-1][1]:
            joined.append((start, end, name))
            continue
        first, last, named = joined[-1]
        if (name in PERSONAL) == (named in PERSONAL):
            joined[-1] = first, max(end, last), name if end - start > last - first else named
        elif named in PERSONAL:
            joined[-1] = start, end, name
    return joined


def _replaced(text: str, spans: Iterable[_Span]) -> str:
    parts, position = [], 0
    for start, end, name in spans:
        parts += [text[position:start], f"[redacted:{name}]"]
        position = end
    return "".join([*parts, text[position:]]) if parts else text


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
