"""The id of a shared context: it follows from what decides the content, and exists before the work."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.context.plan import case_query, plan_context
from eval_pipeline.errors import InputError
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline_tests.building import a_case, a_suite

DOCUMENTS: dict[str, Any] = {"source": {"file": "d.csv"}}


@pytest.fixture(autouse=True)
def files(folder: Path) -> None:
    """Files that the contexts below name."""
    (folder / "a.csv").write_text("id,n\n1,2\n")
    (folder / "d.csv").write_text("id,text\n1,cat\n")
    (folder / "own.py").write_text("def rows(n=1):\n    raise RuntimeError('asked for its rows')\n")


def id_of(folder: Path, context: dict[str, Any], **case: Any) -> str:
    return plan_context(a_suite(folder, context=context), [a_case(**case)]).context_id


def test_the_id_does_not_change_by_itself_nor_with_the_place_of_files(folder: Path) -> None:
    before = id_of(folder, {"tables": {"a": {"file": "a.csv"}}, "documents": DOCUMENTS})
    (folder / "sub").mkdir()
    (folder / "a.csv").rename(folder / "sub" / "moved.csv")
    moved = {"tables": {"a": {"file": "sub/moved.csv"}}, "documents": DOCUMENTS}
    assert id_of(folder, moved) == before == id_of(folder, moved)


@pytest.mark.parametrize(
    "context",
    [
        {"tables": {"b": {"file": "a.csv"}}},
        {"tables": {"a": {"file": "a.csv", "key": "n"}}},
        {"tables": {"a": {"file": "a.csv"}, "b": {"sql": "SELECT 1 AS x"}}},
        {"tables": {"a": {"file": "a.csv"}}, "documents": DOCUMENTS},
        {"tables": {"a": {"file": "a.csv"}}, "documents": {**DOCUMENTS, "retrieval": {"k": 2}}},
        {"tables": {"a": {"file": "a.csv"}}, "documents": {**DOCUMENTS, "text": ["text", "id"]}},
        {"tables": {"a": {"file": "a.csv"}}, "patterns": [{"name": "p", "instruction": "i", "model": "x:y"}]},
    ],
)
def test_every_change_of_the_specification_changes_the_id(folder: Path, context: dict[str, Any]) -> None:
    assert id_of(folder, context) != id_of(folder, {"tables": {"a": {"file": "a.csv"}}})


def test_the_content_of_a_file_and_what_a_query_reads_count(folder: Path) -> None:
    context = {"tables": {"a": {"file": "a.csv"}, "b": {"sql": "SELECT * FROM a"}}}
    before = id_of(folder, context)
    (folder / "a.csv").write_text("id,n\n1,3\n")
    assert id_of(folder, context) != before


def test_what_cases_ask_counts_only_where_documents_are_searched(folder: Path) -> None:
    tables = {"tables": {"a": {"file": "a.csv"}}}
    assert id_of(folder, tables, input="x") == id_of(folder, tables, input="y")
    searched = {"documents": DOCUMENTS}
    assert id_of(folder, searched, input="x") != id_of(folder, searched, input="y")
    assert id_of(folder, searched, input="x", split="dev") == id_of(folder, searched, input="x")


@pytest.mark.parametrize(
    "context",
    [
        {"tables": {"a": {"python": "own.py:rows"}}},
        {"patterns": [{"name": "p", "instruction": "i", "model": "own.py:rows"}]},
        {"documents": {**DOCUMENTS, "retrieval": {"method": "embeddings", "model": "own.py:rows"}}},
    ],
)
def test_the_source_of_code_counts_and_is_not_run(folder: Path, context: dict[str, Any]) -> None:
    before = id_of(folder, context)
    (folder / "own.py").write_text("def rows():\n    return []\n")
    assert id_of(folder, context) != before


def test_args_and_version_of_a_callable_count(folder: Path) -> None:
    sources: list[dict[str, Any]] = [{}, {"args": {"n": 2}}, {"version": "2"}]
    ids = {id_of(folder, {"tables": {"a": {"python": "own.py:rows", **source}}}) for source in sources}
    assert len(ids) == 3


@pytest.mark.parametrize("version", [None, "SELECT max(id) FROM items"])
def test_a_database_counts_by_its_rows_or_by_its_version(folder: Path, version: str | None) -> None:
    source = {"database": f"sqlite:///{folder}/shop.db", "sql": "SELECT * FROM items", "version": version}

    def id_after(sql: str) -> str:
        with sqlite3.connect(folder / "shop.db") as connection:
            connection.execute(sql)
        connection.close()
        return id_of(folder, {"tables": {"a": source}})

    id_after("CREATE TABLE items (id INTEGER, name TEXT)")
    first = id_after("INSERT INTO items VALUES (1, 'lamp')")
    assert id_after("CREATE TABLE other (id INTEGER)") == first
    renamed = id_after("UPDATE items SET name = 'desk'")
    assert (renamed == first) is (version is not None)
    assert id_after("INSERT INTO items VALUES (2, 'lamp')") not in (first, renamed)


def test_a_file_that_is_not_there_is_reported(folder: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.csv: the file does not exist"):
        id_of(folder, {"tables": {"a": {"file": "gone.csv"}}})


def test_a_case_searches_with_all_inputs_of_the_user() -> None:
    messages = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "no"},
        {"role": "user", "content": None},
    ]
    parts = [{"type": "text", "text": "two"}, {"type": "image_url", "image_url": {"url": "x"}}]
    recorded = a_case(recordings=[{"messages": [*messages, {"role": "user", "content": parts}]}])
    assert case_query(a_case(turns=[{"user": "a"}, {"user": "b"}]), None) == "a\nb"
    assert case_query(recorded, None).split() == ["one", "two"]


def test_a_query_may_be_found_by_jmespath_and_must_be_text() -> None:
    case = a_case(metadata={"topic": "cats", "n": 1})
    assert case_query(case, "metadata.topic") == "cats"
    for expression in ("metadata.n", "metadata.gone", "length(metadata.n)"):
        with pytest.raises(InputError, match=r"case c1 .* the retrieval query is not text"):
            case_query(case, expression)


def test_the_id_changes_with_what_is_redacted(folder: Path) -> None:
    suite = a_suite(folder, context={"tables": {"a": {"file": "a.csv"}}})
    redactors = (Redactor(), Redactor(enabled=False), Redactor(phone_numbers=True))
    assert len({plan_context(suite, [], redactor=redactor).context_id for redactor in redactors}) == 3
