"""What Python code prints, redacted."""

import io
import sys

import pytest

from eval_pipeline.redaction.output import RedactedOutput, redacted_output
from eval_pipeline_tests.redaction.planted import KEYS, OTHERS


@pytest.mark.parametrize("secret", [KEYS["github"], OTHERS["private key"]], ids=["key", "private key"])
def test_a_secret_that_is_written_in_pieces_is_redacted(secret: str) -> None:
    written = io.StringIO()
    output = RedactedOutput(written)
    for character in f"a {secret} b\nnext":
        output.write(character)
        output.flush()
    output.finish()

    assert secret not in written.getvalue()
    assert written.getvalue().startswith("a [redacted:")
    assert written.getvalue().endswith(" b\nnext")


def test_whole_lines_are_written_at_once_and_the_rest_in_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with redacted_output():
        sys.stdout.write("mail ann@example.com\n")
        assert capsys.readouterr().out == "mail [redacted:email]\n"
        sys.stderr.write(f"err {KEYS['openai']}")
    assert capsys.readouterr().err == "err [redacted:api_key]"


def test_a_text_that_never_ends_is_written_in_the_end() -> None:
    written = io.StringIO()
    output = RedactedOutput(written)
    output.write("x" * 100_000)
    assert len(written.getvalue()) == 100_000
