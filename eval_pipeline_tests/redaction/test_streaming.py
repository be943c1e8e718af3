"""Pieces of a text are redacted as the text is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.redaction.streaming import StreamRedactor
from eval_pipeline_tests.redaction.planted import SECRETS, UNDER_NAMES

REDACTOR = Redactor()
_PARTS = [*SECRETS.values(), "word ", " ", "\n", "Bearer ", "4111 ", "x"]
_PROSE = "The answer is long enough that something of it is passed on before it ends, and it goes on for a while. "


@pytest.mark.parametrize("secret", [*SECRETS.values(), *UNDER_NAMES.values()], ids=[*SECRETS, *UNDER_NAMES])
@pytest.mark.parametrize("size", [1, 7])
def test_a_secret_in_pieces_is_redacted_as_in_one(secret: str, size: int) -> None:
    text = f"{_PROSE}It is {secret} and then\n{_PROSE}{_PROSE}"
    stream = StreamRedactor(REDACTOR.text)
    passed_on = [piece for at in range(0, len(text), size) for piece in stream.add(text[at : at + size])]

    assert "".join([*passed_on, *stream.finish()]) == REDACTOR.text(text)


def test_a_text_without_secrets_is_passed_on_as_it_goes() -> None:
    stream = StreamRedactor(REDACTOR.text)
    words = [word + " " for word in (_PROSE * 3).split()]
    passed_on = [piece for word in words for piece in stream.add(word)]
    assert len("".join(passed_on)) > len(_PROSE * 3) - 100
    # Pieces may be cut, and none is joined with another.
    assert len([*passed_on, *stream.finish()]) >= len(words)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([*SECRETS.values(), "word ", " ", "\n", "Bearer ", "4111 ", "x"]), max_size=12),
    st.integers(1, 40),
)
def test_pieces_of_any_size_lose_nothing(parts: list[str], size: int) -> None:
    text = " ".join(parts)
    stream = StreamRedactor(REDACTOR.text)
    pieces = [piece for at in range(0, len(text), size) for piece in stream.add(text[at : at + size])]
    passed_on = "".join([*pieces, *stream.finish()])
    for secret in SECRETS.values():
        assert (secret in passed_on) == (secret in REDACTOR.text(text))
