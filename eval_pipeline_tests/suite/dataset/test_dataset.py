"""The dataset: cases from several sources, all problems at once, and a version that follows the content alone."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_pipeline.errors import InputError
from eval_pipeline.suite.dataset.dataset import CASES_SCHEMA, Dataset, DatasetChanges, cases_of_table, dataset_changes
from eval_pipeline.suite.dataset.load import load_cases, load_dataset
from eval_pipeline_tests.building import a_case, a_suite


def test_cases_of_several_sources_and_globs_are_sorted_by_id(folder: Path) -> None:
    (folder / "more").mkdir()
    (folder / "more" / "z.yaml").write_text("[{id: b, input: x}]")
    (folder / "more" / "a.yaml").write_text("[{id: c, input: x}]")
    (folder / "one.jsonl").write_text('{"id": "a", "input": "x"}')
    dataset = load_dataset(a_suite(folder, cases=["more/*.yaml", {"file": "one.jsonl"}]))
    assert [case.id for case in dataset.cases] == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["[draft] suite", "what?", "a*b"])
def test_the_folder_of_a_suite_is_no_pattern(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "c.yaml").write_text("[{id: a, input: x}]")
    for cases in ("c.yaml", "*.yaml"):
        assert len(load_dataset(a_suite(folder, cases=cases)).cases) == 1


def test_an_id_that_is_taken_is_reported_with_both_places(folder: Path) -> None:
    (folder / "a.yaml").write_text("- id: a\n  input: x\n")
    (folder / "b.jsonl").write_text('\n{"id": "a", "input": "y"}')
    with pytest.raises(InputError) as caught:
        load_dataset(a_suite(folder, cases=["a.yaml", "b.jsonl"]))
    (problem,) = caught.value.problems
    assert problem.message == f"the id is already taken at {folder / 'a.yaml'}:1"
    assert (problem.file, problem.line, problem.case) == (folder / "b.jsonl", 2, "a")


def test_every_problem_of_every_file_is_reported_and_the_right_cases_are_kept(folder: Path) -> None:
    (folder / "a.yaml").write_text("- {id: a, input: x}\n- {id: 'b,c', input: x}\n- {id: d, inptu: x}\n")
    (folder / "b.csv").write_text("id\n")
    (folder / "c.txt").write_text("")
    suite = a_suite(folder, cases=["a.yaml", "b.csv", "c.txt", "gone.yaml"])
    cases, problems = load_cases(suite.spec.cases, suite)
    assert [case.id for case in cases] == ["a"]
    messages = [problem.message for problem in problems]
    assert messages[:2] == ["'b,c' cannot be a case id", "unknown field 'inptu'"]
    assert messages[2:] == [
        "column input is missing",
        "cases cannot be read from '.txt' files",
        f"no file at {folder / 'gone.yaml'}",
    ]
    assert all(problem.fix and problem.file for problem in problems)


def test_a_pattern_that_matches_nothing_is_reported_with_its_field(folder: Path) -> None:
    with pytest.raises(InputError, match=r"suite\.yaml · cases\[0\]\.file: no file at"):
        load_dataset(a_suite(folder, cases="*.yaml"))


def test_the_table_holds_the_cases() -> None:
    dataset = Dataset.of(
        [
            a_case("b", tags=["x"]),
            a_case("a", split="dev", recordings=[{"messages": [{"role": "user", "content": "a"}]}]),
        ]
    )
    table = dataset.to_table()
    assert table.schema == CASES_SCHEMA
    assert table.column("case_id").to_pylist() == ["a", "b"]
    assert tuple(cases_of_table(table).values()) == dataset.cases


@given(st.permutations(["a", "b", "c", "d"]))
@settings(max_examples=15, deadline=None)
def test_the_version_does_not_depend_on_the_order(ids: list[str]) -> None:
    assert Dataset.of([a_case(name) for name in ids]).version == Dataset.of([a_case(name) for name in "abcd"]).version


def test_the_version_changes_with_content_and_with_ids() -> None:
    datasets = [
        [a_case("a"), a_case("b")],
        [a_case("a")],
        [a_case("a"), a_case("c")],
        [a_case("a"), a_case("b", input="other")],
    ]
    assert len({Dataset.of(cases).version for cases in datasets}) == 4


def test_changes_are_named_by_what_became_of_each_case() -> None:
    before = Dataset.of([a_case("a"), a_case("b"), a_case("c")])
    now = Dataset.of([a_case("b"), a_case("c", input="other"), a_case("d")])
    assert dataset_changes(before.hashes, now) == DatasetChanges(added=("d",), changed=("c",), removed=("a",))
