"""No secret remains, of whatever kind, wherever it stands, and however often and by whatever the text is encoded."""

import itertools
import json
from collections.abc import Iterator

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_pipeline.redaction.encodings import views_of
from eval_pipeline.redaction.json_batch import redacted_jsons
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline_tests.redaction.planted import ENCODINGS, KEYS, OTHERS, POSITIONS, SECRETS, UNDER_NAMES

REDACTOR = Redactor()
HIDDEN = {
    name: secret.removeprefix("postgresql://ann:").removesuffix("@db.example.com:5432/cases")
    for name, secret in SECRETS.items()
}
HIDDEN |= {"slack webhook": SECRETS["slack webhook"].split("services/")[1], "bearer": SECRETS["bearer"][7:]}
"""The part of each that must not remain."""


def _readable(text: str) -> str:
    return "\0".join(view.text for view in views_of(text))


def _one_level() -> Iterator[tuple[str, str, str]]:
    yield from itertools.product(SECRETS, POSITIONS, ENCODINGS)


def test_every_kind_at_every_position_in_every_encoding_is_redacted() -> None:
    left = [
        case
        for case in _one_level()
        if HIDDEN[case[0]] in _readable(REDACTOR.text(ENCODINGS[case[2]](POSITIONS[case[1]](SECRETS[case[0]]))))
    ]
    assert left == []


@pytest.mark.parametrize("levels", [2, 3])
def test_encodings_within_encodings_hide_nothing(levels: int) -> None:
    """Every kind in every combination; the positions alternate."""
    left = []
    positions = itertools.cycle(POSITIONS)
    kinds = itertools.cycle(SECRETS) if levels == 3 else None
    for encodings in itertools.product(ENCODINGS, repeat=levels):
        for kind in SECRETS if kinds is None else itertools.islice(kinds, 5):
            text = POSITIONS[position := next(positions)](SECRETS[kind])
            for encoding in encodings:
                text = ENCODINGS[encoding](text)
            if HIDDEN[kind] in _readable(REDACTOR.text(text)):
                left.append((kind, position, *encodings))
    assert left == []


@pytest.mark.parametrize("name", UNDER_NAMES)
def test_what_stands_under_the_name_of_a_secret_is_redacted_in_every_encoding(name: str) -> None:
    for encodings in itertools.product(ENCODINGS, repeat=2):
        text = f"first\n{UNDER_NAMES[name]}\nlast"
        for encoding in encodings:
            text = ENCODINGS[encoding](text)
        assert "hunt3r" not in _readable(REDACTOR.text(text)), encodings


@given(
    st.sampled_from([*SECRETS]),
    st.lists(st.sampled_from([*ENCODINGS]), min_size=1, max_size=3),
    st.lists(st.sampled_from([*POSITIONS]), min_size=1, max_size=3),
)
def test_documents_are_parsed_wherever_they_hold_a_secret(
    kind: str, encodings: list[str], positions: list[str]
) -> None:
    text = SECRETS[kind]
    for position in positions:
        text = POSITIONS[position](text)
    for encoding in encodings:
        text = ENCODINGS[encoding](text)
    for document in (
        orjson.dumps({"text": text}),
        json.dumps([{text: 1}]).encode(),
        json.dumps(text).replace("/", r"\/").encode(),
    ):
        redacted = REDACTOR.json(document)
        assert HIDDEN[kind] not in _readable(redacted.decode())
        assert redacted_jsons([document], REDACTOR) == [redacted]


@pytest.mark.parametrize("name", [*KEYS, *OTHERS])
def test_json_stays_json(name: str) -> None:
    """Escapes beside a secret stay whole."""
    for position in POSITIONS.values():
        document = json.dumps({"log": position(SECRETS[name]), "n": 1})
        assert json.loads(REDACTOR.text(document))["n"] == 1


def test_what_is_encoded_without_a_secret_stays_as_it_is() -> None:
    for text in (
        r"C:\new\table\users",
        "100%25 of a%20b",
        "&lt;b&gt; &amp; &#65;",
        "\x1b[31mred\x1b[0m",
        r'{"a": "b\nc\u00fc"}',
    ):
        assert REDACTOR.text(text) == text
