"""The kinds of secrets and personal data, and the cheap tests for text that may hold one, derived from the same table.

A change of what is redacted raises `VERSION`, which is part of the names of stored snapshots.
"""

import re
from dataclasses import dataclass

VERSION = 2
DONE = re.compile(r"(\[redacted:[a-z0-9_]+\])")
SECRET = "[redacted:secret]"  # noqa: S105 - what replaces a secret

_TOKEN = "[A-Za-z0-9._~+/=-]"  # noqa: S105 - the characters that keys and tokens are made of


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of secret or of personal data."""

    name: str
    """A match is replaced by `[redacted:<name>]`."""
    pattern: re.Pattern[str]
    triggers: tuple[str, ...]
    """Texts of which every match contains one."""
    token: str = ""
    """For kinds whose matches have a run of token characters, `_SHORTEST_TOKEN` or more with the trigger: what follows
    the trigger in JSON without escapes, at least; for RE2."""
    like_words: bool = False
    """Whether ordinary words match too: "Basic responsibilities", "sk-learn-text-classifier"."""

    @property
    def sign(self) -> str:
        """An expression for RE2 that matches every text with a trigger."""
        return f"(?:{'|'.join(map(re.escape, self.triggers))})"


_API_KEYS: tuple[tuple[tuple[str, ...], str], ...] = (
    # How keys of a provider start, and what follows: at least ten characters of `_TOKEN`.
    (("sk-", "sk_", "pk-", "pk_", "rk-", "rk_"), r"[A-Za-z0-9_-]{16,}"),
    (("lsv2_",), r"[A-Za-z0-9_]{16,}"),
    (("ls__",), r"[A-Za-z0-9]{16,}"),
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"[A-Za-z0-9]{20,}"),
    (("github_pat_",), r"\w{20,}"),
    (("glpat-",), r"[\w-]{16,}"),
    (("hf_",), r"[A-Za-z0-9]{20,}"),
    (("xox",), r"[abposr]-[A-Za-z0-9-]{10,}"),
    (("AKIA", "ASIA"), r"[0-9A-Z]{16}\b"),
    (("AIza",), r"[\w-]{30,}"),
)
KINDS = (
    Kind(
        name="private_key",
        pattern=re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        triggers=("PRIVATE KEY-----",),
    ),
    Kind(
        name="jwt",
        pattern=re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", re.ASCII),
        triggers=("eyJ",),
        token=f"{_TOKEN}{{12}}",
    ),
    Kind(
        name="bearer",
        pattern=re.compile(r"\b(?:[Bb]earer|BEARER|[Bb]asic)\s+[A-Za-z0-9._~+/-]{16,}=*"),
        triggers=("earer", "EARER", "asic "),
        # White space may be escaped, and a quotation mark ends the text.
        token=f'[^"]*{_TOKEN}{{16}}',
        like_words=True,
    ),
    Kind(
        name="api_key",
        pattern=re.compile("|".join(rf"\b(?:{'|'.join(starts)}){rest}" for starts, rest in _API_KEYS), re.ASCII),
        triggers=tuple(start for starts, _ in _API_KEYS for start in starts),
        token=f"{_TOKEN}{{10}}",
        like_words=True,
    ),
    Kind(
        name="url_password",
        pattern=re.compile(r"(?<=://)[^\s/:@'\"]*:[^\s/@'\"]+@"),
        triggers=("://",),
    ),
    Kind(
        name="email",
        pattern=re.compile(r"[\w.%+'-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.)+[A-Za-z]{2,24}(?![A-Za-z])"),
        triggers=("@",),
    ),
)
CARD = re.compile(
    r"(?<![\w.-])(?:[2-6][0-9]{12,18}"
    r"|[2-6][0-9]{3}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{1,3})?"
    r"|3[0-9]{3}([ -])[0-9]{6}\2[0-9]{4,5})(?![\w-])(?!\.[0-9])"
)
"""The number of a payment card, in one piece or in the groups printed on cards. Any other groups would match tables of
numbers."""
PHONE = re.compile(r"(?<![\w.-])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\)[ .-]?)?\d{2,4}[ .-]\d{3,4}[ .-]?\d{3,4}(?![\w.-])")
SHORTEST_MATCH = 13
"""Characters: the digits of a card. Matches of all other kinds are longer, or contain an `@`."""
SECRET_ENDINGS = (
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
"""How a key ends under which a secret stands, in lower case and without separators."""

# Signs: tests that find every text with a match, and a few others, at a fraction of the time.

_AFTER_FIRST_DIGIT = "(?:[0-9]{12}|[0-9]{3}[ -](?:[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}|[0-9]{6}[ -][0-9]{4}))"
_CARD_DIGITS = f"[2-6]{_AFTER_FIRST_DIGIT}"
_JSON_CARD = rf"(?:^|[^0-9A-Za-z_.-]|\\[bfnrt]){_CARD_DIGITS}"
"""What may precede a card in JSON is asked for, the letter of an escape included: without it every fraction with many
digits and many a UUID would be a card."""
_JSON_CARD_BYTES = re.compile(rf"[2-6](?:(?<![0-9A-Za-z_.-].)|(?<=\\[bfnrt].)){_AFTER_FIRST_DIGIT}".encode())
"""As `_JSON_CARD`; Python finds an expression that starts with a digit five times as fast."""
_KEY_SEPARATORS = "-_ ."
_SECRET_KEYS = "|".join(f"[{_KEY_SEPARATORS}]*".join(ending) for ending in SECRET_ENDINGS)
_SIGNED_KINDS = [kind for kind in KINDS if kind.name != "url_password"]
"""A password in a URL is followed by an `@`, which is the sign of an e-mail address."""
TEXT_SIGNS = "|".join([*(kind.sign for kind in _SIGNED_KINDS), _CARD_DIGITS, r"^[{\[]"])
"""For RE2: matches every text in which something is redacted, and JSON, whose keys may name secrets."""
PHONE_SIGNS = r"\p{Nd}{2,4}[ .-]\p{Nd}{3,4}"
"""For RE2: matches every text with a telephone number."""
JSON_SIGNS = "|".join(
    [
        *(kind.sign + kind.token for kind in _SIGNED_KINDS),
        r"\\[u/]",
        _JSON_CARD,
        rf'(?i:{_SECRET_KEYS})[{_KEY_SEPARATORS}]*"\s*:',
    ]
)
"""For RE2: matches every JSON document in which something is redacted."""

_SHORTEST_TOKEN = 15
_TOKEN_RUN = b"w" * _SHORTEST_TOKEN
_TOKENS_AS_W = bytes(ord("w") if re.match(_TOKEN, chr(code)) else ord(" ") for code in range(256))
_DIGIT_RUN = b"0" * 13
_DIGITS_AS_0 = bytes(ord("0") if re.match("[0-9]", chr(code)) else code for code in range(256))
_TRIGGERS_OF_TOKENS = tuple(trigger.encode() for kind in KINDS if kind.token for trigger in kind.triggers)
_SECRET_KEY_BYTES = tuple(f'{ending}":'.encode() for ending in SECRET_ENDINGS)
_WITHOUT_SEPARATORS = str.maketrans("", "", _KEY_SEPARATORS)
_WORD = re.compile(r"[A-Za-z]?[a-z]{0,18}|[A-Z]{0,12}|[A-Za-z0-9]{0,4}")
_BETWEEN_WORDS = re.compile(r"[^A-Za-z0-9]+")


def has_signs(data: bytes) -> bool:
    """Whether something may have to be redacted in a JSON document; most are decided by a few passes in C."""
    if b"@" in data or b"PRIVATE KEY" in data or b"\\u" in data:
        return True
    if _TOKEN_RUN in data.translate(_TOKENS_AS_W) and any(trigger in data for trigger in _TRIGGERS_OF_TOKENS):
        return True
    if _DIGIT_RUN in data.translate(_DIGITS_AS_0, b" -") and _JSON_CARD_BYTES.search(data):
        return True
    keys = data.translate(None, _KEY_SEPARATORS.encode()).lower()
    return any(ending in keys for ending in _SECRET_KEY_BYTES)


def names_secret(key: str) -> bool:
    """Whether `key` names a secret, so that its value is redacted whatever it looks like."""
    return key[-1:].isalpha() and key.translate(_WITHOUT_SEPARATORS).lower().endswith(SECRET_ENDINGS)


def secret_in(text: str) -> str | None:
    """The kind of the secret in `text`; None without one, and where only words match (`sk-learn-models`).

    It decides what is refused, which is worse than redacting too much: hence the exception for words. E-mail addresses
    are not secrets.
    """
    for kind in KINDS:
        if kind.name != "email" and any(_is_random(kind, match[0]) for match in kind.pattern.finditer(text)):
            return kind.name
    return None


def _is_random(kind: Kind, match: str) -> bool:
    return not kind.like_words or not all(_WORD.fullmatch(piece) for piece in _BETWEEN_WORDS.split(match))


def card_replaced(match: re.Match[str]) -> str:
    """The replacement of a match of `CARD`; a number with a wrong check digit (Luhn) is not a card, and stays."""
    digits = [int(character) for character in match.group() if character.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]  # noqa: PLR2004 - Luhn
    return match.group() if (sum(digits[-1::-2]) + sum(doubled)) % 10 else "[redacted:card]"
