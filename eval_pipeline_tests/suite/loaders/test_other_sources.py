"""Cases from JSON, from rows of other tools, and from callables; what datasets' schemas refuse is named."""

import json
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from langsmith import Client

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.load import case_files, load_dataset
from eval_pipeline_tests.building import a_case, a_suite

COLUMNS = {
    "id": "no",
    "inputs.question": "text",
    "inputs.limit": {"column": "limit", "json": True},
    "reference.answer": "label",
    "metadata.team": "team",
    "tags": "topics",
}
EXPECTED = a_case(
    "7",
    inputs={"question": "why, though?", "limit": [1, 2]},
    reference={"answer": "so"},
    metadata={"team": "a"},
    tags=["x", "y"],
)
CODE = """
from eval_pipeline.suite.case import Case

def make(n=1, fails=False):
    for number in range(n):
        yield {"id": f"c{number}", "inputs": {"question": "why?", "n": number}}
    yield Case.model_validate({"id": "own", "input": "hi"})
    if fails:
        raise RuntimeError("no luck")

def wrong():
    return ["text"]
"""


def cases_of(folder: Path, source: Any) -> tuple[Case, ...]:
    return load_dataset(a_suite(folder, cases=source)).cases


def problems_in(folder: Path, source: Any) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        cases_of(folder, source)
    return caught.value.problems


def test_json_holds_a_list_of_cases_or_cases_with_defaults(folder: Path) -> None:
    case = {"id": "a", "inputs": {"z": 1, "a": None}}
    (folder / "list.json").write_text(json.dumps([case]))
    (folder / "both.json").write_text(json.dumps({"defaults": {"split": "dev"}, "cases": [case]}))
    (listed,), (defaulted,) = cases_of(folder, "list.json"), cases_of(folder, "both.json")
    assert json.dumps(listed.inputs) == json.dumps(case["inputs"])
    assert (listed.split, defaulted.split) == ("base", "dev")
    (folder / "wrong.json").write_text('{"cases": 5}')
    (problem,) = problems_in(folder, "wrong.json")
    assert problem.message == "not a list of cases"


ROW = {"no": "7", "text": "why, though?", "limit": "[1, 2]", "label": "so", "team": "a", "topics": "x; y", "other": "z"}


def test_columns_of_other_tools_are_mapped_to_fields_of_cases(folder: Path) -> None:
    (folder / "rows.csv").write_text(",".join(ROW) + '\n7,"why, though?","[1, 2]",so,a,x; y,z\n')
    (folder / "rows.jsonl").write_text(json.dumps({**ROW, "limit": [1, 2]}))
    (folder / "rows.json").write_text(json.dumps([ROW]))
    pq.write_table(pa.Table.from_pylist([ROW]), folder / "rows.parquet")
    for suffix in ("csv", "jsonl", "json", "parquet"):
        assert cases_of(folder, {"file": f"rows.{suffix}", "columns": COLUMNS}) == (EXPECTED,), suffix


def test_rows_without_an_id_have_one_that_stays_with_their_content(folder: Path) -> None:
    (folder / "rows.csv").write_text("text\nb\na\n")
    first = cases_of(folder, {"file": "rows.csv", "columns": {"input": "text"}})
    (folder / "rows.csv").write_text("text\nc\na\nb\n")
    second = cases_of(folder, {"file": "rows.csv", "columns": {"input": "text"}})
    assert {case.id: case.turns[0].text for case in first}.items() <= {
        case.id: case.turns[0].text for case in second
    }.items()


def test_a_column_that_is_not_there_and_a_field_that_is_none_are_named(folder: Path) -> None:
    (folder / "rows.csv").write_text("text\na\n")
    (problem,) = problems_in(folder, {"file": "rows.csv", "columns": {"input": "txt"}})
    assert (problem.message, "text" in problem.fix) == ("row 1 has no column txt", True)
    with pytest.raises(ValueError, match="'inputz' is no field of a case"):
        a_suite(folder, cases={"file": "rows.csv", "columns": {"inputz": "text"}})


def test_a_callable_makes_cases(folder: Path) -> None:
    (folder / "own.py").write_text(CODE)
    cases = cases_of(folder, {"python": "own.py:make", "args": {"n": 2}})
    assert [(case.id, case.turns[0].input) for case in cases] == [
        ("c0", {"question": "why?", "n": 0}),
        ("c1", {"question": "why?", "n": 1}),
        ("own", "hi"),
    ]
    assert case_files(a_suite(folder, cases={"python": "own.py:make"})) == [folder / "own.py"]
    (failed,) = problems_in(folder, {"python": "own.py:make", "args": {"fails": True}})
    assert "failed after 2 cases with RuntimeError: no luck" in failed.message
    (wrong,) = problems_in(folder, {"python": "own.py:wrong"})
    assert "item 1 is a str" in wrong.message


def test_a_schema_of_the_suite_is_held_against_inputs_and_reference(folder: Path) -> None:
    cases = [{"id": "a", "inputs": {"n": 1}, "reference": {"a": 1}}, {"id": "b", "inputs": {"n": "1"}, "reference": {}}]
    (folder / "cases.json").write_text(json.dumps(cases))
    (folder / "reference.json").write_text(json.dumps({"required": ["a"]}))
    inputs = {"properties": {"n": {"type": "integer"}}}
    source = {"file": "cases.json", "inputs_schema": inputs, "reference_schema": "reference.json"}
    problems = problems_in(folder, source)
    assert [(problem.case, problem.field) for problem in problems] == [("b", "inputs"), ("b", "reference")]
    assert "the dataset's schema refuses $.n: '1' is not of type 'integer'" in problems[0].message
    (wrong,) = problems_in(folder, {"file": "cases.json", "inputs_schema": {"type": "no"}})
    assert wrong.field == "cases[0].inputs_schema"


def test_the_schema_of_a_langsmith_dataset_is_held_against_its_examples(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RecorderServer() as server:
        monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", server.url)
        client = Client(api_url=server.url, api_key="x")
        dataset = client.create_dataset("d")
        client.create_examples(dataset_id=dataset.id, examples=[{"inputs": {"text": "hi"}}])
        # A server holds a schema against what is added from then on.
        schema = {"type": "object", "required": ["question"]}
        httpx.patch(f"{server.url}/datasets/{dataset.id}", json={"inputs_schema_definition": schema}).raise_for_status()
        (problem,) = problems_in(folder, {"langsmith_dataset": "d"})
    assert (problem.field, "'question' is a required property" in problem.message) == ("inputs", True)
