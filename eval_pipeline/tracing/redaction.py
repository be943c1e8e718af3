"""Taking personal data and secrets out of what is traced, synced, snapshot and shown.

Belongs here: what is taken out, of text, JSON values, JSON bytes and Arrow columns. Does not belong here: when; whoever
hands something out asks for it.

A value is searched only when a cheap look at its bytes says that there may be something: most have nothing.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa

from eval_pipeline.tracing.settings import LangSmithSettings

_DONE = re.compile(r"(\[redacted:[a-z0-9_]+\])")
_SECRET = "[redacted:secret]"  # noqa: S105 - what stands in a secret's place
_PATTERNS: tuple[tuple[str, re.Pattern[str], tuple[str, ...]], ...] = (
    (
        "private_key",
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        ("PRIVATE KEY-----",),
    ),
    ("jwt", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", re.ASCII), ("eyJ",)),
    ("bearer", re.compile(r"\b(?:[Bb]earer|BEARER|[Bb]asic)\s+[A-Za-z0-9._~+/-]{16,}=*"), ("earer", "EARER", "asic ")),
    (
        "api_key",
        re.compile(
            r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}|\blsv2_[A-Za-z0-9_]{16,}|\bls__[A-Za-z0-9]{16,}"
            r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bhf_[A-Za-z0-9]{20,}"
            r"|\bxox[abposr]-[A-Za-z0-9-]{10,}|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{30,}",
            re.ASCII,
        ),
        (
            "sk-",
            "sk_",
            "pk-",
            "pk_",
            "rk-",
            "rk_",
            "lsv2_",
            "ls__",
            "ghp_",
            "gho_",
            "ghu_",
            "ghs_",
            "ghr_",
            "github_pat_",
            "glpat-",
            "hf_",
            "xox",
            "AKIA",
            "ASIA",
            "AIza",
        ),
    ),
    (
        "email",
        re.compile(r"[\w.%+'-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.)+[A-Za-z]{2,24}(?![A-Za-z])"),
        ("@",),
    ),
)
_CARD = re.compile(
    r"(?<![\w.-])(?:[2-6][0-9]{12,18}"
    r"|[2-6][0-9]{3}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{1,3})?"
    r"|3[0-9]{3}([ -])[0-9]{6}\2[0-9]{4,5})(?![\w-])(?!\.[0-9])"
)
"""In one piece or in the groups that cards have: any others would make cards of tables of numbers."""
_PHONE = re.compile(r"(?<![\w.-])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\)[ .-]?)?\d{2,4}[ .-]\d{3,4}[ .-]?\d{3,4}(?![\w.-])")
_LONG_NUMBER = b"0" * 13
_DIGITS = bytes(ord("0") if chr(code).isdigit() and code < 128 else code for code in range(256))  # noqa: PLR2004 - ASCII
_LONG_TOKEN = b"w" * 15
"""The shortest key or token of any pattern has no fewer characters of this kind in a row."""
_TOKEN_CHARACTERS = bytes(
    ord("w") if code < 128 and (chr(code).isalnum() or chr(code) in "-_.~+/=") else ord(" ")  # noqa: PLR2004 - ASCII
    for code in range(256)
)
_SECRET_ENDINGS = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "apikey",
    "authorization",
    "token",
    "privatekey",
    "secretkey",
    "accesskey",
    "credential",
    "credentials",
)
_SECRET_BYTES = tuple(ending.encode() for ending in _SECRET_ENDINGS)
_KEY_SEPARATORS = str.maketrans("", "", "-_ .")


@dataclass(frozen=True, kw_only=True)
class Redactor:
    """What is taken out, and how."""

    enabled: bool = True
    phone_numbers: bool = False
    own: tuple[tuple[str, re.Pattern[str]], ...] = ()

    @classmethod
    def of(cls, settings: LangSmithSettings) -> "Redactor":
        """The redactor that the settings ask for."""
        own = tuple((name, re.compile(pattern)) for name, pattern in settings.redaction_patterns.items())
        return cls(enabled=settings.redaction_enabled, phone_numbers=settings.redact_phone_numbers, own=own)

    def text(self, text: str) -> str:
        """`text` without what has to be taken out. What was taken out already stays as it is."""
        if not self.enabled or not text:
            return text
        while (found := self._once(text)) != text:
            # What is taken out can be what kept its neighbour from being seen.
            text = found
        return text

    def value(self, value: Any) -> Any:
        """A JSON value with every text in it redacted, and whatever stands under a key that says it is secret.

        Keys, numbers and structure stay. A value without anything to take out is returned itself.
        """
        if not self.enabled:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            # A token with a log probability is a piece of text, not a key to anything.
            harmless = "logprob" in value
            return {key: self._under(key, item, harmless=harmless) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value

    def json(self, data: bytes) -> bytes:
        """JSON as bytes, redacted; parsed only if there may be something in it."""
        if not self.enabled or not self._suspicious(data):
            return data
        before = orjson.loads(data)
        after = self.value(before)
        return data if after == before else orjson.dumps(after)

    def table(self, table: pa.Table) -> pa.Table:
        """A table with its text columns redacted, including those inside lists and structs; the schema stays."""
        for index, field in enumerate(table.schema):
            if self.enabled and _has_text(field.type):
                table = table.set_column(index, field, self._column(table.column(index)))
        return table

    def _column(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            return pa.chunked_array([pa.array(self.value(column.to_pylist()), type=column.type)], type=column.type)
        distinct = column.unique().to_pylist()
        changed = {text: found for text in distinct if text and (found := self._cell(text)) != text}
        if not changed:
            return column
        texts = [changed.get(text, text) for text in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, type=column.type)], type=column.type)

    def _cell(self, text: str) -> str:
        """A cell may hold JSON, whose keys tell of secrets too."""
        if text[:1] in "{[":
            try:
                return self.json(text.encode()).decode()
            except (orjson.JSONDecodeError, UnicodeEncodeError):
                pass
        return self.text(text)

    def _under(self, key: Any, value: Any, *, harmless: bool) -> Any:
        if not harmless and isinstance(key, str) and _names_secret(key):
            return _each_text(value, lambda text: _SECRET if text else text)
        return self.value(value)

    def _once(self, text: str) -> str:
        if "[redacted:" not in text:
            return self._piece(text)
        return "".join(part if _DONE.fullmatch(part) else self._piece(part) for part in _DONE.split(text))

    def _piece(self, text: str) -> str:
        for name, pattern, triggers in _PATTERNS:
            if any(trigger in text for trigger in triggers):
                text = pattern.sub(f"[redacted:{name}]", text)
        for name, pattern in self.own:
            text = self._outside(pattern, f"[redacted:{name}]", text)
        text = self._outside(_CARD, _card, text)
        return self._outside(_PHONE, "[redacted:phone]", text) if self.phone_numbers else text

    def _outside(self, pattern: re.Pattern[str], replacement: str | Callable[[re.Match[str]], str], text: str) -> str:
        """Substitute, but not inside of what was taken out before."""
        if pattern.search(text) is None:
            return text
        parts = _DONE.split(text)
        return "".join(part if _DONE.fullmatch(part) else pattern.sub(replacement, part) for part in parts)

    def _suspicious(self, data: bytes) -> bool:
        """Whether JSON bytes may hold something: some passes in C over them, most of which end the matter."""
        if self.own or self.phone_numbers or b"@" in data or b"PRIVATE KEY" in data or b"\\u" in data:
            return True
        if _LONG_TOKEN in data.translate(_TOKEN_CHARACTERS) and any(trigger in data for trigger in _TRIGGERS):
            return True
        if _LONG_NUMBER in data.translate(_DIGITS, b" -"):
            return True
        return any(piece[-24:].translate(None, b"-_ .").lower().endswith(_SECRET_BYTES) for piece in data.split(b'":'))


_TRIGGERS = tuple(trigger.encode() for _, _, triggers in _PATTERNS for trigger in triggers)


def _names_secret(key: str) -> bool:
    return key[-1:].isalpha() and key.translate(_KEY_SEPARATORS).lower().endswith(_SECRET_ENDINGS)


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _each_text(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_each_text(item, change) for item in value]
    return value


def _card(match: re.Match[str]) -> str:
    digits = [int(character) for character in match.group() if character.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]  # noqa: PLR2004 - Luhn
    return match.group() if (sum(digits[-1::-2]) + sum(doubled)) % 10 else "[redacted:card]"


def _has_text(kind: pa.DataType) -> bool:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return True
    if pa.types.is_struct(kind):
        return any(_has_text(kind.field(index).type) for index in range(kind.num_fields))
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind)) and _has_text(kind.value_type)
