"""Files as tables: each format, nested values, and the errors of files that are not right."""

import datetime as dt
import decimal
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eval_pipeline.context.table_files import (
    JSON_ENCODED,
    KEY_COLUMN,
    read_table_file,
    rows_of,
    table_of_frame,
    table_of_rows,
)
from eval_pipeline.errors import InputError

ROWS = [{"id": "a", "n": 1}, {"id": "b", "n": 2}]


def write(folder: Path, name: str, content: str | bytes) -> Path:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / name


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "id,n\r\na,1\r\nb,2\r\n"),
        ("t.json", json.dumps(ROWS)),
        ("t.jsonl", "\n".join(map(json.dumps, ROWS)) + "\n\n"),
        ("t.json", json.dumps({row["id"]: {"n": row["n"]} for row in ROWS})),
    ],
)
def test_every_text_format_gives_the_same_rows(tmp_path: Path, name: str, content: str, bom: str) -> None:
    assert read_table_file(write(tmp_path, name, bom + content), key="id").to_pylist() == ROWS


def test_parquet_is_read_as_it_is(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "t.parquet")
    assert read_table_file(tmp_path / "t.parquet").to_pylist() == ROWS


def test_the_keys_of_a_json_object_become_a_column(tmp_path: Path) -> None:
    file = write(tmp_path, "t.json", '{"x": {"n": 1}, "y": {"m": [1]}}')
    assert read_table_file(file).column_names == ["key", "n", "m"]
    assert read_table_file(file).schema.metadata[KEY_COLUMN] == b"key"
    assert read_table_file(file, key="code").column("code").to_pylist() == ["x", "y"]


def test_nested_values_are_kept_whole_and_marked() -> None:
    rows: list[dict[str, Any]] = [
        {"id": 1, "v": {"b": [1, {"c": None}]}, "w": None},
        {"id": 2, "v": "text"},
        {"id": 3, "v": None, "w": []},
    ]
    table = table_of_rows(rows)
    assert [field.name for field in table.schema if field.metadata == JSON_ENCODED] == ["v", "w"]
    assert rows_of(table) == [{**row, "w": row.get("w")} for row in rows]


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([1, 2.5, None], [1.0, 2.5, None]),
        ([1, "n/a", None], ["1", "n/a", None]),
        ([True, "x"], ["true", "x"]),
        ([2**70, 1], [str(2**70), "1"]),
        ([None, None], [None, None]),
    ],
)
def test_a_column_of_several_types_is_text(values: list[Any], kept: list[Any]) -> None:
    assert table_of_rows([{"v": value} for value in values]).column("v").to_pylist() == kept


def test_no_rows_are_an_empty_table() -> None:
    assert table_of_rows([]).num_rows == 0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "", "not readable as csv"),
        ("t.csv", "id,n\n1\n", "not readable as csv"),
        ("t.json", "{", r"t\.json:1: not JSON"),
        ("t.json", '[{"id": 1, "id": 2}]', "key 'id' is given twice"),
        ("t.csv", 'id,n\n1,2\n2,"open\n3,4\n', r"t\.csv:3: a quote that opens in this row is never closed"),
        ("t.json", "5", "neither a list of objects"),
        ("t.json", '{"a": 1}', "neither a list of objects"),
        ("t.json", "[1]", "a row is not an object"),
        ("t.jsonl", '{"id": 1}\n[]\n', r"t\.jsonl:2: a row is not an object"),
        ("t.jsonl", '{"id": 1}\n{\n', r"t\.jsonl:2: not JSON"),
        ("t.json", b'["\xff"]', "not UTF-8"),
        ("t.parquet", "x", "not readable as parquet"),
        ("t.xlsx", "x", "tables cannot be read from '.xlsx' files"),
    ],
)
def test_a_file_that_cannot_be_read_is_reported_in_one_line(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_table_file(write(tmp_path, name, content))
    assert len(str(caught.value).splitlines()) == 1


def test_columns_that_are_missing_are_reported_with_those_found(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"column price, sku is missing.*columns found: id, n"):
        read_table_file(write(tmp_path, "t.csv", "id,n\n1,2\n"), key="sku", columns=["id", "price"])


def test_a_file_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.csv: the file does not exist"):
        read_table_file(tmp_path / "gone.csv")


def test_a_text_column_keeps_its_zeros(tmp_path: Path) -> None:
    (tmp_path / "shops.csv").write_text("zip,n\n00123,1\n")

    assert read_table_file(tmp_path / "shops.csv").to_pylist() == [{"zip": "00123", "n": 1}]
    assert read_table_file(tmp_path / "shops.csv", text_columns=["zip"]).to_pylist() == [{"zip": "00123", "n": 1}]


@pytest.mark.parametrize(
    ("cells", "kept"),
    [
        (["007", "12"], ["007", "12"]),
        (["+49", "12"], ["+49", "12"]),
        (["123456789012345678901", "12"], ["123456789012345678901", "12"]),
        (["NA", "NA"], ["NA", "NA"]),
        (["12:30", "13:00"], ["12:30", "13:00"]),
        (["-5", "0"], [-5, 0]),
        (["4.20", "0.5"], [4.2, 0.5]),
    ],
)
def test_a_csv_column_whose_form_a_number_would_drop_is_text(tmp_path: Path, cells: list[str], kept: list[Any]) -> None:
    file = write(tmp_path, "t.csv", "a,b\n" + "".join(f"x,{cell}\n" for cell in cells))
    assert read_table_file(file).column("b").to_pylist() == kept


def test_a_large_csv_is_read_as_a_small_one(tmp_path: Path) -> None:
    many = [f'{number},"Title, {number}","line\nbreak{" x" * 60}"\r\n' for number in range(12_000)]
    table = read_table_file(write(tmp_path, "t.csv", "n,title,body\r\n" + "".join(many) + "unknown,last,x\r\n"))
    assert table.num_rows == 12_001
    assert table.column("n").to_pylist()[-2:] == ["11999", "unknown"]
    assert table.column("body")[0].as_py() == f"line\nbreak{' x' * 60}"


def test_a_csv_in_utf16_or_with_semicolons_is_read(tmp_path: Path) -> None:
    file = write(tmp_path, "t.csv", "id;text\na;grüß, dich\n".encode("utf-16"))
    assert read_table_file(file).to_pylist() == [{"id": "a", "text": "grüß, dich"}]


def test_dates_within_a_nested_value_become_text() -> None:
    rows: list[dict[str, Any]] = [
        {"v": {"day": dt.date(2024, 5, 1), "price": decimal.Decimal("4.20")}},
        {"v": {1: "a", "b": "c"}},
    ]
    assert rows_of(table_of_rows(rows)) == [{"v": {"day": "2024-05-01", "price": "4.20"}}, {"v": {"1": "a", "b": "c"}}]


def test_a_pandas_frame_with_a_column_of_several_types_is_a_table() -> None:
    frame = pd.DataFrame({"n": [1, "n/a", None], "v": [{"a": 1}, {"a": "x"}, None], "ok": [1.5, None, 2.0]})
    assert rows_of(table_of_frame(frame)) == [
        {"n": "1", "v": {"a": 1}, "ok": 1.5},
        {"n": "n/a", "v": {"a": "x"}, "ok": None},
        {"n": None, "v": None, "ok": 2.0},
    ]


def test_the_key_of_a_csv_is_text(tmp_path: Path) -> None:
    assert read_table_file(write(tmp_path, "t.csv", "zip,n\n00123,1\n"), key="zip").to_pylist() == [
        {"zip": "00123", "n": 1}
    ]


@pytest.mark.parametrize("key", [None, "id"])
@pytest.mark.parametrize("content", ["id,name\n1,Ä\n", "id,Ä\n1,x\n", "id,x\nÄ,y\n"])
def test_a_csv_in_latin_1_is_refused(tmp_path: Path, content: str, key: str | None) -> None:
    with pytest.raises(InputError, match=r"(?i)utf-?8"):
        read_table_file(write(tmp_path, "t.csv", content.encode("latin-1")), key=key)


@pytest.mark.parametrize("key", [None, "id"])
def test_a_column_given_twice_is_refused(tmp_path: Path, key: str | None) -> None:
    with pytest.raises(InputError, match="column n is given twice"):
        read_table_file(write(tmp_path, "t.csv", "id,n,n\n1,2,3\n"), key=key)


def test_a_keyed_object_that_contradicts_its_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the object under 'a' has 'b' as its 'id'"):
        read_table_file(write(tmp_path, "t.json", '{"a": {"id": "b"}}'), key="id")
    assert read_table_file(write(tmp_path, "t.json", '{"a": {"id": "a"}}'), key="id").to_pylist() == [{"id": "a"}]


@pytest.mark.parametrize("name", ["t.json", "t.jsonl"])
def test_json_nested_too_deeply_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="nested too deeply"):
        read_table_file(write(tmp_path, name, "[" * 100_000 + "]" * 100_000))
