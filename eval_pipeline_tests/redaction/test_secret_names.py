"""What stands under the names of secrets in text, and what only looks so."""

import pytest

from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.redaction.secret_names import names_secret
from eval_pipeline_tests.redaction.planted import UNDER_NAMES

REDACTOR = Redactor()


@pytest.mark.parametrize(
    ("text", "left"),
    {
        'say {"password": "hunter two", "user": "ann"}': 'say {"password": "[redacted:secret]", "user": "ann"}',
        r"{\"token\": \"a \\\"b\\\" c\", \"n\": 1}": r"{\"token\": \"[redacted:secret]\", \"n\": 1}",
        "X-Api-Key: abc def": "X-Api-Key: [redacted:secret] def",
        "Authorization: Digest username=ann, response=x": "Authorization: [redacted:secret]",
        "Cookie: a=b; c=d\nHost: x": "Cookie: [redacted:secret]\nHost: x",
        "?api_key=abc&page=2": "?api_key=[redacted:secret]&page=2",
        "<Password>abc1</Password>": "<Password>[redacted:secret]</Password>",
        '"password": "unclosed': '"password": "[redacted:secret]',
        "password_2 := 'x'": "password_2 := '[redacted:secret]'",
        "Pwd=abc;": "Pwd=[redacted:secret];",
    }.items(),
)
def test_what_stands_under_a_secrets_name_in_text_is_redacted(text: str, left: str) -> None:
    assert REDACTOR.text(text) == left


@pytest.mark.parametrize(
    "text",
    [
        '"total_tokens": 12, "token": 7',
        "the secret: be kind",
        "token = next(tokens)",
        "password: str",
        "password = getpass()",
        "api_key=os.environ['KEY']",
        "Cookie: the chocolate ones are best",
        "Authorization: this is needed for all calls",
        '"token": "Hello", "logprob": -0.1',
        "the secretary: Ann",
        "password=$PASSWORD",
        "password: [redacted:secret]",
        '"password": ""',
        "see https://example.com/password: it is there"[:33],
    ],
)
def test_text_of_prose_and_programs_stays(text: str) -> None:
    assert REDACTOR.text(text) == text


@pytest.mark.parametrize("text", UNDER_NAMES.values(), ids=UNDER_NAMES)
def test_no_secret_remains_under_its_name(text: str) -> None:
    assert "hunt3r" not in REDACTOR.text(text)
    assert "hunt3r" not in str(REDACTOR.value({"log": [text]}))


@pytest.mark.parametrize("key", ["password_2", "passwords", "Set-Cookie", "cookies", "AccountKey", "DB_PWD", "sig"])
def test_further_names_of_secrets(key: str) -> None:
    assert names_secret(key)


@pytest.mark.parametrize(
    "key", ["favourite_cookie", "tokens", "session_id", "compass", "key", "design", "pass", "secretary"]
)
def test_names_that_are_none(key: str) -> None:
    assert not names_secret(key)
