"""What is taken out: patterns of secrets and of personal data, and names that say that a secret stands under them.

A change that takes out more, or less, counts `VERSION` up: what is stored is named after it.
"""

import re

VERSION = 2
DONE = re.compile(r"(\[redacted:[a-z0-9_]+\])")
SECRET = "[redacted:secret]"  # noqa: S105 - what stands in a secret's place
PATTERNS: tuple[tuple[str, re.Pattern[str], tuple[str, ...]], ...] = (
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
    ("url_password", re.compile(r"(?<=://)[^\s/:@'\"]*:[^\s/@'\"]+@"), ("://",)),
    (
        "email",
        re.compile(r"[\w.%+'-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.)+[A-Za-z]{2,24}(?![A-Za-z])"),
        ("@",),
    ),
)
CARD = re.compile(
    r"(?<![\w.-])(?:[2-6][0-9]{12,18}"
    r"|[2-6][0-9]{3}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{1,3})?"
    r"|3[0-9]{3}([ -])[0-9]{6}\2[0-9]{4,5})(?![\w-])(?!\.[0-9])"
)
"""In one piece or in the groups that cards have: any others would make cards of tables of numbers."""
PHONE = re.compile(r"(?<![\w.-])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\)[ .-]?)?\d{2,4}[ .-]\d{3,4}[ .-]?\d{3,4}(?![\w.-])")
SHORTEST = 13
"""Characters: a card's digits. Whatever else is taken out is longer, or has an `@`."""
CARD_SIGN = (
    r"(?:^|[^0-9A-Za-z_.-]|\\[bfnrt])"
    r"(?:[2-6][0-9]{12}|[2-6][0-9]{3}[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]{4}|3[0-9]{3}[ -][0-9]{6}[ -][0-9]{4})"
)
"""For bytes of JSON, for RE2 too: what any card has, after what may stand before it, the letter of an escape included.

Without what stands before it, every fraction with many digits and many a UUID would be one.
"""
_CARD_SIGN = re.compile(
    # The same, beginning with a digit, which Python looks for five times as fast as for what may stand before one.
    rb"[2-6](?:(?<![0-9A-Za-z_.-].)|(?<=\\[bfnrt].))"
    rb"(?:[0-9]{12}|[0-9]{3}[ -](?:[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}|(?<=3...[ -])[0-9]{6}[ -][0-9]{4}))"
)
_LONG_NUMBER = b"0" * 13
_DIGITS = bytes(ord("0") if chr(code).isdigit() and code < 128 else code for code in range(256))  # noqa: PLR2004 - ASCII
_LONG_TOKEN = b"w" * 15
"""The shortest key or token of any pattern has no fewer characters of this kind in a row."""
_TOKEN_CHARACTERS = bytes(
    ord("w") if code < 128 and (chr(code).isalnum() or chr(code) in "-_.~+/=") else ord(" ")  # noqa: PLR2004 - ASCII
    for code in range(256)
)
_LIKE_WORDS = frozenset({"bearer", "api_key"})
"""Patterns that words match as well: "Basic responsibilities", "sk-learn-text-classifier"."""
_WORD = re.compile(r"[A-Za-z]?[a-z]{0,18}|[A-Z]{0,12}|[A-Za-z0-9]{0,4}")
_BETWEEN_WORDS = re.compile(r"[^A-Za-z0-9]+")
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
_SECRET_BYTES = tuple(f'{ending}":'.encode() for ending in SECRET_ENDINGS)
_KEY_SEPARATORS = str.maketrans("", "", "-_ .")
_TRIGGERS = tuple(trigger.encode() for _, _, triggers in PATTERNS for trigger in triggers)
SIGNS = "|".join(
    [
        *(re.escape(trigger) for _, _, triggers in PATTERNS for trigger in triggers if trigger != "://"),
        r"://[^/]*@",
        r"[2-6][0-9]{12}|[2-6][0-9]{3}[ -][0-9]{4}[ -]|3[0-9]{3}[ -][0-9]{6}",
        r"^[{\[]",
    ]
)
"""For RE2: what any text that a pattern matches has; and JSON, whose keys tell of secrets too."""
PHONE_SIGNS = r"\p{Nd}{2,4}[ .-]\p{Nd}{3,4}"
"""The same for telephone numbers."""


def names_secret(key: str) -> bool:
    """Whether what stands under `key` is a secret, whatever it looks like."""
    return key[-1:].isalpha() and key.translate(_KEY_SEPARATORS).lower().endswith(SECRET_ENDINGS)


def secret_in(text: str) -> str | None:
    """What kind of secret stands in `text`; None if none does, and where only words look like one (`sk-learn-models`).

    Who is refused for words can do nothing about it; what is only taken out of a text may well be words. Personal data
    are not meant.
    """
    kinds = ((name, pattern) for name, pattern, _ in PATTERNS if name != "email")
    return next(
        (name for name, pattern in kinds if any(_is_drawn(name, found[0]) for found in pattern.finditer(text))), None
    )


def _is_drawn(name: str, found: str) -> bool:
    return name not in _LIKE_WORDS or not all(_WORD.fullmatch(piece) for piece in _BETWEEN_WORDS.split(found))


def has_signs(data: bytes) -> bool:
    """Whether JSON bytes may hold something: some passes in C over them, most of which end the matter."""
    if b"@" in data or b"PRIVATE KEY" in data or b"\\u" in data:
        return True
    if _LONG_TOKEN in data.translate(_TOKEN_CHARACTERS) and any(trigger in data for trigger in _TRIGGERS):
        return True
    if _LONG_NUMBER in data.translate(_DIGITS, b" -") and _CARD_SIGN.search(data):
        return True
    keys = data.translate(None, b"-_ .").lower()
    return any(ending in keys for ending in _SECRET_BYTES)


def card_replaced(match: re.Match[str]) -> str:
    """What stands in the place of a number that has the form of a card's: itself, unless its check digit is right."""
    digits = [int(character) for character in match.group() if character.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]  # noqa: PLR2004 - Luhn
    return match.group() if (sum(digits[-1::-2]) + sum(doubled)) % 10 else "[redacted:card]"
