"""What is redacted, what stays, and the rules that hold for any value."""

import datetime as dt
import json
import re
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_pipeline.redaction.patterns import KINDS
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.redaction.signs import _CARD_BYTES
from eval_pipeline.settings import LangSmithSettings

REDACTOR = Redactor()

SECRETS = {
    "ann.smith+x@mail.example.com": "email",
    "sk-proj-abcdefghijklmnopqrstuvwx": "api_key",
    "sk-ant-" + "a1b2-C3_d" * 4: "api_key",
    "lsv2_pt_0123456789abcdef0123456789abcdef_0123456789": "api_key",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789": "api_key",
    "github_pat_11ABCDEFG0abcdefghijklmnop": "api_key",
    "AKIAIOSFODNN7EXAMPLE": "api_key",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv": "api_key",
    "xoxb-123456789012-abcdefghij": "api_key",
    "Bearer abcdefghijklmnopqrstuvwxyz": "bearer",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U": "jwt",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----": "private_key",
    "4111 1111 1111 1111": "card",
    "5500-0000-0000-0004": "card",
    "378282246310005": "card",
    "3782 822463 10005": "card",
}
HARMLESS = [
    "4111 1111 1111 1112",
    "20261120T232118336339Z01a1fb43-ab00-7174-9fee-f312e3925335",
    "12345678-1234-4123-8123-123456789012",
    "order 4500123412341234567890123",
    "a@b",
    "task-123, risk-management-policy-document",
    "skeleton_key_of_the_house",
    "1700000000000",
    "3.14159265358979",
    "2345678901234abc",  # a hash, whose digits would be a card's
    "4111111111111111a1b2",
    "41111111111111111111",
    "",
]


def test_a_secret_that_only_shows_when_its_neighbour_is_gone_is_taken_out_too() -> None:
    text = "sk-proj-abcdefghijklmnopqrstuvwx.smith@mail.example.com"
    assert REDACTOR.text(text) == "[redacted:api_key][redacted:email]"


@pytest.mark.parametrize(("secret", "name"), SECRETS.items(), ids=list(SECRETS.values()))
def test_a_secret_is_taken_out_of_text(secret: str, name: str) -> None:
    assert REDACTOR.text(f"it is {secret}, keep it") == f"it is [redacted:{name}], keep it"


@pytest.mark.parametrize(
    ("url", "left"),
    {
        "postgresql://ann:hunter2@db:5432/cases": "postgresql://[redacted:url_password]db:5432/cases",
        "redis://:hunter2@cache:6379/0": "redis://[redacted:url_password]cache:6379/0",
        "rediss://:p%40ss:word@cache.example.com": "rediss://[redacted:url_password]cache.example.com",
        "redis://:x@h": "redis://[redacted:url_password]h",
        "redis://cache:6379/0": "redis://cache:6379/0",
        "http://there:80/@ann": "http://there:80/@ann",
        "http://:8080/a": "http://:8080/a",
    }.items(),
)
def test_a_password_in_an_address_is_taken_out_with_a_user_and_without(url: str, left: str) -> None:
    assert REDACTOR.text(url) == left
    assert orjson.loads(REDACTOR.json(orjson.dumps({"text": url}))) == {"text": left}


@pytest.mark.parametrize("text", HARMLESS)
def test_text_that_only_looks_like_a_secret_is_unchanged(text: str) -> None:
    assert REDACTOR.text(text) == text


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "db_password",
        "api_key",
        "apiKey",
        "X-API-Key",
        "Authorization",
        "client_secret",
        "token",
        "accessToken",
    ],
)
def test_values_under_the_key_of_a_secret_are_redacted(key: str) -> None:
    value = {key: "whatever", "nested": [{key: {"a": "b", "n": 1}}]}
    expected = {key: "[redacted:secret]", "nested": [{key: {"a": "[redacted:secret]", "n": 1}}]}
    assert REDACTOR.value(value) == expected
    assert orjson.loads(REDACTOR.json(orjson.dumps(value))) == expected


def test_counts_of_tokens_and_pieces_of_text_are_no_secrets() -> None:
    value = {
        "total_tokens": 12,
        "max_tokens": 100,
        "token_usage": {"input": 1},
        "token": 7,
        "logprobs": [{"token": "Hello", "logprob": -0.1}],
        "case_key": "c1",
        "secretary": "Ann",
    }
    assert REDACTOR.value(value) == value


def test_phone_numbers_are_redacted_only_on_request() -> None:
    text = "call +49 170 1234567"
    assert REDACTOR.text(text) == text
    assert "1234567" not in Redactor(phone_numbers=True).text(text)


def test_own_patterns_have_their_own_name() -> None:
    own = Redactor.of(LangSmithSettings(redaction_patterns={"customer": r"CUST-\d+"}))
    assert own.json(b'{"a":"CUST-123"}') == b'{"a":"[redacted:customer]"}'


@pytest.mark.parametrize(("name", "pattern"), [("a", "("), ("a", "x*"), ("A b", "x")])
def test_a_pattern_that_cannot_work_is_refused(name: str, pattern: str) -> None:
    with pytest.raises(ValueError, match="redaction_patterns"):
        LangSmithSettings(redaction_patterns={name: pattern})


def test_switched_off_nothing_is_taken_out() -> None:
    off = Redactor(enabled=False)
    assert off.value({"password": "x@example.com"}) == {"password": "x@example.com"}
    assert off.json(b'{"password":"x"}') == b'{"password":"x"}'


def test_bytes_without_anything_suspicious_are_returned_as_they_are() -> None:
    data = orjson.dumps({"question": "where is my order?", "n": [1, 2.5, None]})
    assert REDACTOR.json(data) is data


def test_keys_are_redacted_and_stay_different() -> None:
    value = {"contains ann@example.com": 1, "contains bob@example.com": 2}
    expected = {"contains [redacted:email]": 1, "contains [redacted:email] (2)": 2}
    assert REDACTOR.value(value) == expected
    assert REDACTOR.value(expected) == expected


def test_the_identity_of_a_redactor_depends_on_its_patterns() -> None:
    own = Redactor.of(LangSmithSettings(redaction_patterns={"customer": "C-1"}))
    identities = {one.identity for one in (REDACTOR, Redactor(enabled=False), Redactor(phone_numbers=True), own)}
    assert len(identities) == 4
    assert Redactor().identity == REDACTOR.identity


_pieces = st.one_of(
    st.sampled_from([*SECRETS, *HARMLESS, "[redacted:email]", "@", "Bearer ", "-----BEGIN PRIVATE KEY-----", "eyJ"]),
    st.text(max_size=12),
)
_texts = st.lists(_pieces, max_size=6).map("".join)
_keys = st.one_of(st.sampled_from(["password", "token", "a", "logprob", "apiKey"]), st.text(max_size=5))
_values = st.recursive(
    st.one_of(
        _texts, st.integers(-(2**53), 2**53), st.booleans(), st.none(), st.floats(allow_nan=False, allow_infinity=False)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_keys, inner, max_size=4)),
    max_leaves=12,
)


@given(_values)
def test_redacting_twice_changes_nothing_more(value: Any) -> None:
    once = REDACTOR.value(value)
    assert REDACTOR.value(once) == once


@given(_values)
def test_structure_and_numbers_are_unchanged(value: Any) -> None:
    assert _shape(REDACTOR.value(value)) == _shape(value)


@given(st.lists(st.sampled_from(list(SECRETS)), min_size=1, max_size=4), st.sampled_from([" ", ", ", "\n", ' "', "; "]))
def test_no_secret_among_others_remains(secrets: list[str], between: str) -> None:
    text = between.join(["see", *secrets, "end"])
    redacted = json.dumps(REDACTOR.value({"a": [text]}))
    for secret in secrets:
        assert secret not in redacted
    assert len(re.findall(r"\[redacted:", redacted)) >= 1


@given(_values)
def test_bytes_and_values_are_redacted_alike(value: Any) -> None:
    try:
        data = orjson.dumps(value)
    except TypeError:
        return
    assert orjson.loads(REDACTOR.json(data)) == orjson.loads(orjson.dumps(REDACTOR.value(value)))


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return [_shape(item) for item in value.values()]
    if isinstance(value, list):
        return [_shape(item) for item in value]
    return "text" if isinstance(value, str) else value


_AROUND_CARDS = ["4111111111111", "4111 1111-1111 1111", "3782 822463-1000", "2782-822463 1000", *r' n"\-_.2369a']


@given(st.lists(st.sampled_from(_AROUND_CARDS), max_size=8).map("".join))
def test_the_quick_sign_of_a_card_and_the_one_for_re2_say_the_same(text: str) -> None:
    card = next(kind for kind in KINDS if kind.name == "card")
    assert bool(_CARD_BYTES.search(text.encode())) == bool(re.search(card.json_shape, text))


@given(_values)
def test_what_leaves_reports_as_unchanged_is_unchanged(value: Any) -> None:
    if REDACTOR.leaves(value):
        assert REDACTOR.value(value) == value


def test_most_is_recognized_as_unchanged_and_a_secret_never() -> None:
    assert REDACTOR.leaves({"input": "What does tea cost?", "latency_s": 0.0512345678901234, "tags": ("a", "b")})
    assert not REDACTOR.leaves({"input": "ask ann@example.com"})
    assert not REDACTOR.leaves({"input": "\ud800"})


@pytest.mark.parametrize(
    "kept",
    [{"password": "hunter2"}, {"login": [{"password": "hunter2"}]}, {"key": "sk-abcdefghijklmnop1234"}],
)
def test_other_kinds_of_mappings_are_searched_too(kept: dict[str, Any]) -> None:
    value = {"reference": MappingProxyType(kept)}
    assert REDACTOR.value(value) != value
    assert not REDACTOR.leaves(value)


def test_other_objects_are_unchanged() -> None:
    assert REDACTOR.leaves({"when": dt.date(2024, 5, 1), "pattern": re.compile("a"), "items": (1, {"b": None})})
