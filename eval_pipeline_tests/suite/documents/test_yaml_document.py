"""YAML with lines: what an author writes is what is read, and every mistake has its line."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.documents import yaml_document
from eval_pipeline.suite.documents.yaml_document import YamlDocument, field_path, read_yaml


def read(tmp_path: Path, text: str, *, interpolate: bool = False) -> YamlDocument:
    file = tmp_path / "it.yaml"
    file.write_bytes(text.encode())
    return read_yaml(file, interpolate=interpolate)


def problem_in(tmp_path: Path, text: str, *, interpolate: bool = False) -> Problem:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text, interpolate=interpolate)
    (only,) = caught.value.problems
    return only


def test_every_node_has_its_line(tmp_path: Path) -> None:
    document = read(tmp_path, "a: 1\nb:\n  - x\n  - c: 2\n")
    assert [document.line_of(path) for path in [("a",), ("b", 0), ("b", 1, "c")]] == [1, 3, 4]


def test_the_line_of_what_is_not_there_is_that_of_what_surrounds_it(tmp_path: Path) -> None:
    assert read(tmp_path, "a: 1\nb:\n  c: 2\n").line_of(("b", "missing", 3)) == 3


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_line_endings_of_windows_make_no_difference(tmp_path: Path, ending: str) -> None:
    document = read(tmp_path, ending.join(["a: 1", "b: |", "  two", "  lines", "c: 3", ""]))
    assert document.data == {"a": 1, "b": "two\nlines\n", "c": 3}
    assert document.line_of(("c",)) == 5


def test_a_byte_order_mark_is_not_part_of_the_first_key(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeffname: x\n").data == {"name": "x"}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file_is_read_as_nothing(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text).data is None


def test_dates_without_quotes_stay_text(tmp_path: Path) -> None:
    data = read(tmp_path, "a: 2024-05-01\nb: 2024-05-01 10:00:00\nc: [2024-05-01]\n2024-05-02: x\n").data
    assert data == {"a": "2024-05-01", "b": "2024-05-01 10:00:00", "c": ["2024-05-01"], "2024-05-02": "x"}


@pytest.mark.parametrize("key", ["on", "No", "null", "12", "1.50"])
def test_keys_are_the_text_the_author_sees(tmp_path: Path, key: str) -> None:
    assert read(tmp_path, f"{key}: x\n").data == {key: "x"}


def test_an_anchor_gives_the_same_value_twice(tmp_path: Path) -> None:
    data = read(tmp_path, "a: &it {x: [1, 2]}\nb: *it\n").data
    assert data["a"] == data["b"] == {"x": [1, 2]}


def test_a_merged_key_may_be_overridden(tmp_path: Path) -> None:
    data = read(tmp_path, "base: &base {kind: a, size: 1}\nown:\n  <<: *base\n  size: 2\n").data
    assert data["own"] == {"kind": "a", "size": 2}


def test_of_several_merged_mappings_the_first_one_wins(tmp_path: Path) -> None:
    data = read(tmp_path, "a: &a {x: 1}\nb: &b {x: 2, y: 2}\nown:\n  <<: [*a, *b]\n").data
    assert data["own"] == {"x": 1, "y": 2}


def test_a_merged_mapping_may_be_used_twice(tmp_path: Path) -> None:
    text = "a: &a {x: 1}\nb: &b\n  <<: *a\n  x: 2\nc:\n  <<: *b\n  x: 3\nd: *b\n"
    assert read(tmp_path, text).data == {"a": {"x": 1}, "b": {"x": 2}, "c": {"x": 3}, "d": {"x": 2}}


def test_a_key_given_twice_is_refused_at_its_second_line(tmp_path: Path) -> None:
    problem = problem_in(tmp_path, "a: 1\nb: 2\na: 3\n")
    assert (problem.line, problem.message) == (3, "key 'a' is given twice")


def test_an_anchor_inside_itself_is_refused(tmp_path: Path) -> None:
    assert "itself" in problem_in(tmp_path, "a: 1\nb: &loop\n  - *loop\n").message


def test_a_syntax_error_is_reported_with_its_line(tmp_path: Path) -> None:
    problem = problem_in(tmp_path, "a: 1\nb: [1, 2\nc: 3\n")
    assert problem.line == 3
    assert problem.message.startswith("not valid YAML")


def test_a_tag_that_would_run_code_runs_none(tmp_path: Path) -> None:
    assert problem_in(tmp_path, "a: 1\nb: !!python/name:os.getcwd x\n").line == 2
    assert read(tmp_path, "a: !!python/object/apply:os.getcwd []\n").data == {"a": []}


def test_only_mappings_can_be_merged(tmp_path: Path) -> None:
    assert problem_in(tmp_path, "a: &a [1]\nb:\n  <<: *a\n").message == "only mappings can be merged with `<<`"


def test_bytes_that_are_not_utf8_are_refused_with_the_fix(tmp_path: Path) -> None:
    file = tmp_path / "it.yaml"
    file.write_bytes("a: ä".encode("latin-1"))
    with pytest.raises(InputError, match="make it a readable UTF-8 file"):
        read_yaml(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.yaml: the file does not exist"):
        read_yaml(tmp_path / "gone.yaml")


def test_variables_are_replaced_where_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_ROOM", "kitchen")
    text = "a: in the ${SOME_ROOM}\nb: ${NO_SUCH_ROOM:-hall}\nc: ${NO_SUCH_ROOM:-}\n"
    assert read(tmp_path, text, interpolate=True).data == {"a": "in the kitchen", "b": "hall", "c": ""}
    assert read(tmp_path, text).data["a"] == "in the ${SOME_ROOM}"


def test_every_variable_that_is_not_set_is_reported_with_line_and_field(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, "a: ${NO_SUCH_A}\nb:\n  - ${NO_SUCH_B}\n", interpolate=True)
    assert [(problem.line, problem.field) for problem in caught.value.problems] == [(1, "a"), (3, "b[0]")]
    assert "NO_SUCH_A" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "field", "kind", "variable"),
    [
        ("database: postgresql://ann:hunter2@host/db", "database", "url_password", "${NAME}"),
        ("headers: {x: Bearer abcdefghijklmnop1234}", "headers.x", "bearer", "${NAME}"),
        ("a: ['${KEY:-sk-abcdefghijklmnop1234}']", "a[0]", "api_key", "${NAME}"),
        ("options: {api-key: 0123456789abcdef}", "options.api-key", "api-key", "${API_KEY}"),
        ("params: {api_key: 0123456789abcdef}", "params.api_key", "api_key", "${API_KEY}"),
    ],
)
def test_a_secret_that_is_written_in_the_file_is_refused_and_not_shown(
    tmp_path: Path, line: str, field: str, kind: str, variable: str
) -> None:
    problem = problem_in(tmp_path, f"name: x\n{line}\n", interpolate=True)
    assert (problem.line, problem.field) == (2, field)
    assert problem.message == f"a secret is written here ({kind})"
    assert variable in problem.fix
    assert "hunter2" not in str(problem)
    assert "abcdefghij" not in str(problem)


@pytest.mark.parametrize(
    "text",
    [
        "Knows the basic responsibilities of an agent",
        "Basic troubleshooting-of-routers",
        "sk-learn-text-classifier",
        "bearer authentication/authorisation",
    ],
)
def test_words_that_look_like_a_secret_are_none(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, f"a: {text}\n", interpolate=True).data == {"a": text}


@pytest.mark.parametrize(
    "text",
    [
        "Basic dXNlcjpwYXNzd29yZA==",
        "sk-proj-fQzKwBnYtRpLmXcV",
        "sk-ant-api03-abcdefghijkl",
        "sk-aqwsedrftgzhujikolpyx",
        "AKIAIOSFODNNEXAMPLEX",
        "sk-learn-text-classifier and sk-abcdefghijklmnop1234",
    ],
)
def test_a_secret_is_none_the_less_one_for_having_few_digits(tmp_path: Path, text: str) -> None:
    assert problem_in(tmp_path, f"a: {text}\n", interpolate=True).message.startswith("a secret is written here")


def test_a_secret_of_the_environment_is_none_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-abcdefghijklmnop1234")
    text = "a: ${SOME_KEY}\nb: postgresql://ann:${SOME_KEY}@host/db\noptions: {api_key: none, max_tokens: 100}\n"
    assert read(tmp_path, text, interpolate=True).data["a"] == "sk-abcdefghijklmnop1234"


def test_field_paths_read_as_in_python() -> None:
    assert field_path(("turns", 0, "assertions", 1, "value")) == "turns[0].assertions[1].value"


scalars = st.none() | st.booleans() | st.integers(-1000, 1000) | st.text("abc: #-'\"\n[{", max_size=8)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcxyz", min_size=1), inner, max_size=3),
    max_leaves=8,
)


@given(data=documents)
@settings(max_examples=60, deadline=None)
def test_json_written_as_yaml_is_read_back(data: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert read(tmp_path_factory.mktemp("any"), json.dumps(data)).data == data


@pytest.mark.parametrize("line", ["a{n}: &a{n} [{many}]", "a{n}: &a{n} {{<<: [{many}]}}"])
def test_aliases_that_stand_for_too_many_nodes_are_refused(
    tmp_path: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yaml_document, "_MOST_NODES", 10_000)
    lines = ["a0: &a0 {x: 1}", *(line.format(n=n, many=", ".join([f"*a{n - 1}"] * 9)) for n in range(1, 9))]
    assert "more than 10,000 nodes" in problem_in(tmp_path, "\n".join(lines)).message


def test_a_document_that_is_nested_too_deep_is_a_problem_and_ends_no_process(tmp_path: Path) -> None:
    file = tmp_path / "deep.yaml"
    for text in ("[" * 100_000 + "]" * 100_000, "- " * 100_000 + "a"):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="nesting is too deep"):
            read_yaml(file)
