"""Cases in Parquet: nested columns, JSON text for them, and files that are not Parquet."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eval_pipeline.errors import InputError
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.load import load_dataset
from eval_pipeline_tests.building import a_suite

CONTAINS = {"type": "contains", "value": "x"}


def cases_of(folder: Path, rows: list[dict[str, Any]]) -> tuple[Case, ...]:
    pq.write_table(pa.Table.from_pylist(rows), folder / "c.parquet")
    return load_dataset(a_suite(folder, cases="c.parquet")).cases


def test_nested_columns_are_the_fields_of_a_case(folder: Path) -> None:
    rows = [
        {"id": 0, "tags": ["t"], "metadata": None, "turns": [{"user": "a", "assertions": [CONTAINS]}]},
        {"id": 1, "metadata": {"m": 1}, "turns": [{"user": "b", "assertions": [{"type": "no_function_call"}]}]},
    ]
    first, second = cases_of(folder, rows)
    assert (first.id, first.tags, first.turns[0].assertions[0].type) == ("0", ("t",), "contains")
    # Arrow gives both assertions every field either has; what is null was never written.
    assert second.turns[0].assertions[0].model_dump(exclude_defaults=True) == {"type": "no_function_call"}
    assert second.metadata == {"m": 1}


def test_json_text_stands_for_nested_columns(folder: Path) -> None:
    reference = {"answer": None, "list": [1, None]}
    rows = [{"id": "a", "input": '["x"]', "reference": json.dumps(reference), "tags": '["t"]'}]
    (case,) = cases_of(folder, rows)
    assert (case.reference, case.tags) == (reference, ("t",))
    assert case.turns[0].text == '["x"]'


def test_the_same_case_is_the_same_in_parquet_jsonl_csv_and_yaml(folder: Path) -> None:
    data = {"id": "a", "input": "grüß", "reference": {"answer": None, "n": 1}, "tags": ["x"]}
    (folder / "c.jsonl").write_text(json.dumps(data))
    (folder / "c.yaml").write_text(json.dumps([data]))
    reference = json.dumps(data["reference"])
    row = {"id": "a", "input": "grüß", "reference": reference, "tags": "x"}
    pd.DataFrame([row]).to_csv(folder / "c.csv", index=False)
    pq.write_table(pa.Table.from_pylist([{**data, "reference": reference}]), folder / "c.parquet")
    versions = {
        load_dataset(a_suite(folder, cases=name)).version for name in ("c.jsonl", "c.yaml", "c.csv", "c.parquet")
    }
    assert len(versions) == 1


def test_a_column_that_is_missing_is_reported_with_those_that_are_there(folder: Path) -> None:
    with pytest.raises(InputError, match=r"c\.parquet: column id is missing\. Fix: add it; columns found: name, input"):
        cases_of(folder, [{"name": "a", "input": "x"}])


@pytest.mark.parametrize("content", [b"", b"not parquet", b"PAR1 and then nothing PAR1"])
def test_what_is_not_parquet_is_reported_in_one_line(folder: Path, content: bytes) -> None:
    (folder / "c.parquet").write_bytes(content)
    with pytest.raises(InputError, match="not readable as Parquet") as caught:
        load_dataset(a_suite(folder, cases="c.parquet"))
    assert len(str(caught.value).splitlines()) == 1


def test_a_case_that_is_wrong_is_named(folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        cases_of(folder, [{"id": "a", "input": "x"}, {"id": "b,c", "input": "x"}])
    assert [problem.case for problem in caught.value.problems] == ["b,c"]


def test_dates_and_decimals_are_text_as_in_jsonl(folder: Path) -> None:
    reference = {"day": dt.date(2024, 5, 1), "at": dt.datetime(2024, 5, 1, 10, tzinfo=dt.UTC), "price": Decimal("4.20")}
    (case,) = cases_of(folder, [{"id": "a", "input": "x", "reference": reference}])
    assert case.reference == {"day": "2024-05-01", "at": "2024-05-01T10:00:00+00:00", "price": "4.20"}


def test_a_cell_that_must_be_json_and_is_not_is_refused_with_its_case(folder: Path) -> None:
    with pytest.raises(InputError, match=r"c\.parquet · case a · reference: row 1: the cell is not JSON"):
        cases_of(folder, [{"id": "a", "input": "x", "reference": '{"a": '}])
