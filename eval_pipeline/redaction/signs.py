"""Signs: cheap tests that find every text or JSON document in which something is redacted, and a few others."""

import re

from eval_pipeline.redaction import encodings, secret_names
from eval_pipeline.redaction.patterns import AFTER_FIRST_DIGIT, IBAN_SHAPE, KINDS, SHORTEST_TOKEN, TOKEN

_SIGNED_KINDS = [kind for kind in KINDS if kind.name != "url_password"]
"""A password in a URL is followed by an `@`, which is the sign of an e-mail address."""
_KEY = f"{TOKEN}{{10}}"
TEXT_SIGNS = "|".join(
    [
        *(kind.sign for kind in _SIGNED_KINDS),
        secret_names.SIGNS,
        encodings.SIGNS,
        r"[\x1b\x{9b}]",
        r"^[{\[]",
    ]
)
"""For RE2: matches every text in which something is redacted, and JSON, whose keys may name secrets."""
PHONE_SIGNS = r"\p{Nd}{2,4}[ .-]\p{Nd}{3,4}"
"""For RE2: matches every text with a telephone number."""
JSON_SIGNS = (
    f"(?:{'|'.join(kind.sign for kind in _SIGNED_KINDS if kind.token == _KEY)}){_KEY}",
    "|".join(
        [
            *((kind.json_shape or kind.sign) + kind.token for kind in _SIGNED_KINDS if kind.token != _KEY),
            encodings.SIGNS,
            r"\xc2\x9b",
        ]
    ),
    secret_names.SIGNS,
    secret_names.KEY_SIGNS,
)
"""For RE2: every JSON document, in UTF-8, in which something is redacted matches one of these; four are faster than
all in one."""

_TOKENS_ALONE = bytes(code if re.match(TOKEN, chr(code)) else ord(" ") for code in range(256))
_HEX = b"0123456789abcdef-"
"""What ids and hashes are written in; no trigger is."""
_BASE64_RUN = b"w" * 40
_BASE64_AS_W = bytes(ord("w") if re.match("[A-Za-z0-9+/]", chr(code)) else ord(" ") for code in range(256))
_DIGIT_RUN = b"0" * 13
_IBAN_RUN = b"AA00"
_CLASSES = bytes(
    ord("0") if re.match("[0-9]", chr(code)) else ord("A") if re.match("[A-Z]", chr(code)) else ord("-")
    for code in range(256)
)
_TRIGGERS_OF_TOKENS = tuple(
    trigger.encode() for kind in KINDS if kind.token.startswith(TOKEN) for trigger in kind.triggers
)
"""Triggers that are the beginning of a long token."""
_TRIGGERS_BEFORE_TOKENS = tuple(
    trigger.encode() for kind in KINDS if kind.token and not kind.token.startswith(TOKEN) for trigger in kind.triggers
)
_OTHER_TRIGGERS = tuple(trigger.encode() for kind in _SIGNED_KINDS if not kind.token for trigger in kind.triggers)
_CARD_BYTES = re.compile(
    rb"[2-6](?:(?<![0-9A-Za-z.-].)|(?<=[^0-9][.-].)|(?<=\\[bfnrt].))" + AFTER_FIRST_DIGIT.encode(), re.DOTALL
)
"""As the card's shape in JSON; Python finds an expression that starts with a digit five times as fast."""
_AWS_SECRET_BYTES = re.compile(rb"(?:(?<![A-Za-z0-9+/])|(?<=\\[bfnrt]))[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=])")
_IBAN_BYTES = re.compile(IBAN_SHAPE.encode())
_DISCORD_BYTES = re.compile(next(kind.shape for kind in KINDS if kind.shape.startswith("[.]")).encode())


def has_signs(data: bytes) -> bool:
    """Whether something may have to be redacted in a JSON document; most are decided by a few passes in C."""
    if any(trigger in data for trigger in _OTHER_TRIGGERS) or encodings.has_encoded_signs(data):
        return True
    long_tokens = [word for word in data.translate(_TOKENS_ALONE).split() if len(word) >= SHORTEST_TOKEN]
    if long_tokens and _has_trigger(long_tokens, data):
        return True
    if _BASE64_RUN in data.translate(_BASE64_AS_W) and _AWS_SECRET_BYTES.search(data):
        return True
    classes = data.translate(_CLASSES)
    if _DIGIT_RUN in data.translate(_CLASSES, b" -") and _CARD_BYTES.search(data):
        return True
    if _IBAN_RUN in classes and _IBAN_BYTES.search(data):
        return True
    return _DISCORD_BYTES.search(data) is not None or secret_names.has_name_signs(data)


def _has_trigger(long_tokens: list[bytes], data: bytes) -> bool:
    if any(trigger in data for trigger in _TRIGGERS_BEFORE_TOKENS):
        return True
    keys = b" ".join(token for token in long_tokens if token.translate(None, _HEX))
    return any(trigger in keys for trigger in _TRIGGERS_OF_TOKENS)
