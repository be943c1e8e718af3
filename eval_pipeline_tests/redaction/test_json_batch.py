"""The cheap tests find everything that the patterns match."""

import json
import re
import string
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from eval_pipeline.redaction.json_batch import redacted_jsons
from eval_pipeline.redaction.patterns import CARD, KINDS
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.redaction.secret_names import SECRET_ENDINGS
from eval_pipeline_tests.redaction.test_redactor import HARMLESS, SECRETS

REDACTOR = Redactor()

API_KEYS = next(kind for kind in KINDS if kind.name == "api_key")
_BEFORE = ["", *'\n\t\r\b\f\x01"\\/-_.a7é=: ', "\\n", "\u2013", "\u2028"]
_AFTER = [*_BEFORE, ".5", "[redacted:email]"]


def _separated(ending: str, separator: str, *, upper: bool) -> str:
    word = separator.join(ending)
    return word.upper() if upper else word


_secrets = st.one_of(
    st.sampled_from(list(SECRETS)),
    *(st.from_regex(re.compile(kind.pattern.pattern, kind.pattern.flags & re.ASCII)) for kind in KINDS[1:]),
    st.from_regex(CARD),
)
_pieces = st.one_of(_secrets, st.sampled_from(HARMLESS), st.text(max_size=8), st.sampled_from(_BEFORE))
_texts = st.tuples(st.sampled_from(_BEFORE), _pieces, st.sampled_from(_AFTER), _pieces).map("".join)
_keys = st.one_of(
    st.builds(
        lambda start, ending, separator, upper: start + _separated(ending, separator, upper=upper),
        st.text(string.printable, max_size=3),
        st.sampled_from(SECRET_ENDINGS),
        st.sampled_from(["", "-", "_", " ", "."]),
        st.booleans(),
    ),
    _texts,
    st.sampled_from(["logprob", "a"]),
)
_values = st.recursive(
    st.one_of(_texts, st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_keys, inner, max_size=3)),
    max_leaves=5,
)


class Thorough(Redactor):
    """Without cheap tests: every text goes to the patterns, until nothing more changes."""

    @override
    def text(self, text: str) -> str:
        while (redacted := self._once(text)) != text:
            text = redacted
        return text


@settings(deadline=None)
@given(st.lists(_values, max_size=4))
@example([f"{before}4111111111111111" for before in _BEFORE])
@example([f"{before}sk-abcdefghijklmnopqrst" for before in _BEFORE])
@example([{"Api-Key": "x"}, {"TOKEN": "y"}, {"db pass.word": "z"}])
def test_many_are_redacted_as_each_is_by_itself(values: list[Any]) -> None:
    many = [orjson.dumps(value, default=str) for value in values]
    expected = [Thorough().value(orjson.loads(data)) for data in many]
    assert [orjson.loads(data) for data in redacted_jsons(many, REDACTOR)] == expected
    assert [orjson.loads(REDACTOR.json(data)) for data in many] == expected


@settings(deadline=None)
@given(st.one_of(_texts, st.text(max_size=14), _secrets.map(lambda secret: secret[:14])))
def test_a_short_text_is_redacted_as_a_long_one(text: str) -> None:
    assert REDACTOR.text(text) == Thorough().text(text)


def test_every_kind_of_secret_is_redacted_wherever_it_is() -> None:
    api_keys = [f"{trigger}{'aB3' * 12}" for trigger in API_KEYS.triggers if trigger != "xox"]
    urls = ["https://ann:secret@example.com", "redis://:secret@cache:6379/0"]
    others = [*urls, "basic dXNlcjpwYXNzd29yZDEy", "BEARER\n" + "t0" * 8, "ASIA" + "A1" * 8]
    secrets = [*SECRETS, *api_keys, *others]
    texts = [before + secret + after for secret in secrets for before in _BEFORE for after in ("", " ", '"', "\n")]
    many = [orjson.dumps({"text": text}) for text in texts]
    expected = [Thorough().text(text) for text in texts]
    assert [orjson.loads(data)["text"] for data in redacted_jsons(many, REDACTOR)] == expected
    assert [orjson.loads(REDACTOR.json(data))["text"] for data in many] == expected
    assert all(Thorough().text(f" {secret}") != f" {secret}" for secret in secrets if not secret.startswith("A"))


def test_no_key_of_a_secret_is_overlooked() -> None:
    keys = [
        _separated(ending, by, upper=upper)
        for ending in SECRET_ENDINGS
        for by in ("", " ", "_.")
        for upper in (False, True)
    ]
    many = [orjson.dumps({key: "text"}) for key in keys]
    assert all(b"text" not in data for data in redacted_jsons(many, REDACTOR))
    assert all(b"text" not in REDACTOR.json(data) for data in many)


def test_those_without_anything_are_returned_as_they_are() -> None:
    many = [orjson.dumps({"latency_s": 0.1860132669999075, "id": "e83694ae-11a4-408b-b716-014267021175"})] * 2
    assert all(redacted is data for redacted, data in zip(redacted_jsons(many, REDACTOR), many, strict=True))
    assert REDACTOR.json(many[0]) is many[0]


@pytest.mark.parametrize("redactor", [Redactor(custom=(("a", re.compile("x")),)), Redactor(phone_numbers=True)])
def test_own_patterns_and_telephone_numbers_are_found_in_each(redactor: Redactor) -> None:
    many = [json.dumps(text).encode() for text in ("x", "+49 170 1234567", "nothing")]
    assert redacted_jsons(many, redactor) == [redactor.json(data) for data in many]
    assert redacted_jsons(many, redactor) != many


def test_switched_off_nothing_is_taken_out_of_any() -> None:
    assert redacted_jsons([b'{"password":"x"}'], Redactor(enabled=False)) == [b'{"password":"x"}']
