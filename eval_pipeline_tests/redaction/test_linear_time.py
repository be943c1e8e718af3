"""Redaction takes time in proportion to the text, whatever the text is."""

import itertools
import time

import pytest

from eval_pipeline.redaction.patterns import KINDS
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.redaction.secret_names import SECRET_ENDINGS

REDACTOR = Redactor(phone_numbers=True)
_LENGTH = 1500

_TRIGGERS = sorted({trigger for kind in KINDS for trigger in kind.triggers})
_PIECES = [
    *_TRIGGERS,
    *(
        "-eyJ",
        "eyJa.",
        "eyJ12345678.12345678",
        "a.",
        "a@",
        "a@b.",
        "@a.b.",
        "4111 ",
        "4111-",
        "1 ",
        "+49 ",
        "AA00",
        "DE89 ",
    ),
    *(
        "\\",
        "\\\\n",
        "%25",
        "%2",
        "&amp;",
        "&amp",
        "\x1b[",
        "\x1b[0",
        "\x1b]",
        "\\u00",
        "[redacted:x]",
        "[redacted:",
        "://a:",
        "://:",
    ),
    *(
        "-----BEGIN ",
        "-----BEGIN RSA PRIVATE KEY-----",
        "-----END ",
        "Bearer ",
        "Bearer=",
        "curl ",
        "curl -u a:",
        "--",
        "--password ",
    ),
    *(
        f"{name}{after}"
        for name in ("password", "token", "Cookie")
        for after in ("=", ': "', ": ", "='", ' \\"', ":\\\\'", "")
    ),
    *(ending for ending in SECRET_ENDINGS),
]
_TAILS = ["", "!", "a" * 40, "\n", " "]


def _seconds(text: str) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        REDACTOR.text(text)
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize("piece", [*_PIECES, *map("".join, itertools.pairwise(_PIECES[-20:]))], ids=repr)
def test_eight_times_the_text_takes_about_eight_times_as_long(piece: str) -> None:
    """Where time grows with the square it is 64 times; a second look is for the machine's own delays."""
    small, large = piece * (_LENGTH // len(piece)), piece * (8 * _LENGTH // len(piece))
    assert any(_seconds(large) < 24 * _seconds(small) + 0.02 for _ in range(3))


def test_the_pattern_of_a_token_is_not_tried_at_every_letter_of_a_long_text() -> None:
    assert any(_seconds("-eyJ" * 16000) < 24 * _seconds("-eyJ" * 2000) for _ in range(3))
