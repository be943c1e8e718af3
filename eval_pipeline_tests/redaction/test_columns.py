"""Tables: every type that holds text, the same as texts by themselves, and at a price that allows millions of rows."""

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval_pipeline.redaction.columns import changed_columns, redacted_table
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline_tests.redaction.test_redactor import HARMLESS, SECRETS

REDACTOR = Redactor()
MAIL, SHOWN = "ann@example.com", "[redacted:email]"


def test_text_columns_of_a_table_are_redacted_and_its_schema_stays() -> None:
    schema = pa.schema(
        [
            ("id", pa.int64()),
            ("text", pa.string()),
            ("json", pa.large_string()),
            ("tags", pa.list_(pa.string())),
            ("nested", pa.struct([("mail", pa.string()), ("n", pa.int32())])),
        ]
    )
    rows = [
        {"id": 1, "text": "ann@example.com", "json": '{"password": "x"}', "tags": ["bob@example.com"], "nested": None},
        {"id": 2, "text": None, "json": "{not json", "tags": None, "nested": {"mail": "c@example.com", "n": 3}},
    ]
    redacted = redacted_table(pa.Table.from_pylist(rows, schema=schema), REDACTOR)
    assert redacted.schema == schema
    assert redacted.to_pylist() == [
        {
            "id": 1,
            "text": "[redacted:email]",
            "json": '{"password":"[redacted:secret]"}',
            "tags": ["[redacted:email]"],
            "nested": None,
        },
        {"id": 2, "text": None, "json": "{not json", "tags": None, "nested": {"mail": "[redacted:email]", "n": 3}},
    ]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (pa.dictionary(pa.int8(), pa.string()), MAIL, SHOWN),
        (pa.binary(), MAIL.encode(), SHOWN.encode()),
        (pa.binary(), b"\xff@", b"\xff@"),
        (pa.map_(pa.string(), pa.string()), [(MAIL, "x")], [(SHOWN, "x")]),
        (pa.list_(pa.string(), 2), ["a", MAIL], ["a", SHOWN]),
        (pa.list_(pa.struct([("a", pa.large_list(pa.string()))])), [{"a": [MAIL]}], [{"a": [SHOWN]}]),
        (pa.struct([("password", pa.string())]), {"password": "x"}, {"password": "[redacted:secret]"}),
        (pa.timestamp("us"), dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 1)),  # noqa: DTZ001 - Arrow's
    ],
    ids=str,
)
def test_text_of_every_type_is_found_and_its_type_stays(kind: pa.DataType, value: Any, expected: Any) -> None:
    table = pa.table({"a": pa.chunked_array([pa.array([value, None], type=kind), pa.array([value], type=kind)])})

    redacted = redacted_table(table.slice(0, 3), REDACTOR)

    assert redacted.schema == table.schema
    assert redacted.column("a").to_pylist() == [expected, None, expected]


def test_a_column_whose_name_names_a_secret_is_redacted_as_a_whole() -> None:
    redacted = redacted_table(pa.table({"api_key": ["x", None, ""], "tokens": ["x", "y", "z"]}), REDACTOR)

    assert redacted.to_pydict() == {"api_key": ["[redacted:secret]", None, ""], "tokens": ["x", "y", "z"]}


def test_columns_may_be_kept_and_those_that_changed_are_listed() -> None:
    table = pa.table({"mail": [MAIL], "kept": [MAIL], "n": [1]})

    redacted = redacted_table(table, REDACTOR, keep={"kept"})

    assert redacted.to_pydict() == {"mail": [SHOWN], "kept": [MAIL], "n": [1]}
    assert changed_columns(table, redacted) == ["mail"]


def test_own_patterns_and_telephone_numbers_are_found_in_columns() -> None:
    table = pa.table({"a": ["CUST-1", "call +49 170 1234567", None]})
    own = Redactor.of(LangSmithSettings(redaction_patterns={"customer": r"(?<!x)CUST-\d+"}))

    assert redacted_table(table, own).column("a").to_pylist()[0] == "[redacted:customer]"
    assert "1234567" not in str(redacted_table(table, Redactor(phone_numbers=True)).to_pydict())


_cells = st.one_of(
    st.lists(
        st.one_of(st.sampled_from([*SECRETS, *HARMLESS, ' {"token":"x"}', "{"]), st.text(max_size=9)), max_size=3
    ).map("".join),
    st.none(),
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # generating texts is slow on a busy machine
@given(st.lists(_cells, max_size=6))
def test_a_column_is_redacted_as_its_texts_are_by_themselves(cells: list[str | None]) -> None:
    redacted = redacted_table(pa.table({"a": pa.array(cells, pa.string())}), REDACTOR)

    assert redacted.column("a").to_pylist() == [None if cell is None else REDACTOR.cell(cell) for cell in cells]
