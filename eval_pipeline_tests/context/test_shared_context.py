"""Reading the shared context: warm copies, tables, documents, patterns, and whose attempt it is."""

import os
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextvars import copy_context
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from eval_pipeline.context.retriever import SharedContextRetriever
from eval_pipeline.context.shared_context import (
    MissingContextError,
    SharedContext,
    current_case_id,
    get_shared_context,
    use_shared_context,
)
from eval_pipeline.errors import InfrastructureError, PermanentError
from eval_pipeline.settings import CACHE_VARIABLE, cache_folder
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.building import a_case, a_context, a_suite

PEOPLE = """{
  "p1": {"name": "Ada", "age": 36, "address": {"city": "London"}, "tags": ["a"]},
  "p2": {"name": "Bo", "age": 36, "address": null, "tags": []},
  "p3": {"name": "Ada", "age": null, "address": {"city": "Paris"}, "tags": null}
}"""
DOCUMENTS = """[
  {"key": 1, "title": "Cats", "body": "Cats sleep all day.", "topics": ["pets"]},
  {"key": 2, "title": "Dogs", "body": "Dogs bark at anything that moves by day or by night.", "topics": []},
  {"key": 3, "title": "Häuser", "body": null, "topics": null}
]"""


@pytest.fixture
def context(folder: Path, tmp_path: Path) -> SharedContext:
    """A context with a keyed table, one without key, documents and patterns."""
    (folder / "people.json").write_text(PEOPLE)
    (folder / "log.csv").write_text("n,what\n1,in\n2,out\n2,in\n")
    (folder / "documents.json").write_text(DOCUMENTS)
    documents = {"source": {"file": "documents.json"}, "id": "key", "text": ["title", "body"]}
    pattern = {"name": "p", "instruction": "i", "model": "eval_pipeline_tests.fakes:ReadingModel"}
    spec = {
        "tables": {"people": {"file": "people.json", "key": "person"}, "log": {"file": "log.csv"}},
        "documents": {**documents, "retrieval": {"language": "german"}},
        "patterns": [{**pattern, "sql": "SELECT n AS id FROM log"}],
    }
    cases = [a_case("c1", input="Cats that sleep, and a dog"), a_case("c2", input="zebra")]
    return a_context(a_suite(folder, context=spec), LocalStore(tmp_path / "store"), cases)


def test_a_row_is_looked_up_by_the_declared_key_or_the_first_column(context: SharedContext) -> None:
    assert context.lookup("people", "p1") == {
        "person": "p1",
        "name": "Ada",
        "age": 36,
        "address": {"city": "London"},
        "tags": ["a"],
    }
    assert context.lookup("log", 2) == {"n": 2, "what": "out"}
    assert context.lookup("people", "Ada", column="name") == context.lookup("people", "p1")
    assert context.lookup("people", "p9") is None
    assert (context.key_column("people"), context.key_column("log")) == ("person", "n")


def test_rows_are_found_by_any_columns_one_called_name_too(context: SharedContext) -> None:
    assert [row["person"] for row in context.rows("people", name="Ada")] == ["p1", "p3"]
    assert [row["person"] for row in context.rows("people", name="Ada", age=36)] == ["p1"]
    assert context.rows("people", name="Nobody") == []
    assert [row["person"] for row in context.rows("people", age=None)] == ["p3"]
    assert len(context.rows("log")) == 3


def test_a_table_that_is_not_there_is_reported_with_those_that_are(context: SharedContext) -> None:
    with pytest.raises(KeyError, match="no table 'orders'; it has people, log"):
        context.table("orders")


def test_tables_are_mapped_not_loaded(context: SharedContext) -> None:
    before = pa.total_allocated_bytes()
    assert context.table("people").num_rows == 3
    assert pa.total_allocated_bytes() <= before


def test_documents_found_for_a_case_are_kept_with_their_metadata(context: SharedContext) -> None:
    documents = context.similar_documents("c1")
    assert [(document.id, document.rank) for document in documents] == [("1", 0), ("2", 1)]
    assert documents[0].text == "Cats\n\nCats sleep all day."
    assert documents[0].metadata == {"topics": ["pets"]}
    assert documents[0].score >= documents[1].score > 0
    assert context.similar_documents("c2") == context.similar_documents("no-such-case") == []


def test_any_text_can_be_searched_in_the_language_of_the_documents(context: SharedContext) -> None:
    assert [document.id for document in context.search_documents("bark", k=1)] == ["2"]
    assert [document.id for document in context.search_documents("haus")] == ["3"]


def test_patterns_are_read_back(context: SharedContext) -> None:
    (pattern,) = context.patterns
    assert (pattern.name, pattern.title, pattern.evidence) == ("p", "Late parcels", ("1", "2", "2"))


def test_a_context_without_documents_finds_none(folder: Path, tmp_path: Path) -> None:
    (folder / "a.csv").write_text("id\n1\n")
    suite = a_suite(folder, context={"tables": {"a": {"file": "a.csv"}}})
    context = a_context(suite, LocalStore(tmp_path / "store"))
    assert (context.similar_documents("c1"), context.search_documents("x"), context.patterns) == ([], [], [])


def test_outside_an_attempt_there_is_no_context() -> None:
    for use in (get_shared_context, current_case_id, lambda: SharedContextRetriever().invoke("x")):
        with pytest.raises(MissingContextError, match="use_shared_context"):
            use()


def test_an_attempt_has_its_context_and_gives_it_back(context: SharedContext) -> None:
    with use_shared_context(context, case_id="c1"):
        with use_shared_context(context, case_id="c2"):
            assert current_case_id() == "c2"
        assert (get_shared_context(), current_case_id()) == (context, "c1")
        assert len(context.similar_documents()) == 2
    with pytest.raises(MissingContextError):
        get_shared_context()


async def test_the_retriever_searches_or_gives_what_was_found_beforehand(context: SharedContext) -> None:
    with use_shared_context(context, case_id="c1"):
        (live,) = SharedContextRetriever(k=1).invoke("bark")
        before = await SharedContextRetriever(k=1, precomputed=True).ainvoke("bark")
    assert (live.id, live.page_content) == ("2", "Dogs\n\nDogs bark at anything that moves by day or by night.")
    assert live.metadata["topics"] == []
    assert live.metadata["score"] > 0
    assert [document.id for document in before] == ["1"]


def test_a_warm_copy_is_opened_without_the_parts_in_the_store(context: SharedContext, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    for part in context.manifest.parts:
        Path(store.uri(context.manifest.key(part))).unlink()
    assert SharedContext.open(store, "sample", context.id).lookup("log", 1) == {"n": 1, "what": "in"}


class CountingStore(LocalStore):
    """Counts what is read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.read: list[str] = []

    def get(self, key: str) -> bytes | None:
        self.read.append(key)
        return super().get(key)


def test_threads_that_open_at_once_make_one_copy(
    context: SharedContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(tmp_path / "cold"))
    store = CountingStore(tmp_path / "store")
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: SharedContext.open(store, "sample", context.id), range(8)))
    assert all(each.lookup("log", 1) for each in opened)
    parts = [key for key in store.read if key.endswith(".parquet")]
    assert sorted(parts) == sorted(context.manifest.key(part) for part in context.manifest.parts)
    assert [each.name for each in (tmp_path / "cold" / "contexts").iterdir() if each.is_dir()] == [
        next((cache_folder() / "contexts").glob(f"{context.id}-????????????")).name
    ]


def _row(cache: str, root: str, context_id: str) -> Any:
    os.environ[CACHE_VARIABLE] = cache
    return SharedContext.open(LocalStore(Path(root)), "sample", context_id).lookup("log", 1)


def test_processes_that_open_at_once_make_one_copy(context: SharedContext, tmp_path: Path) -> None:
    processes = get_context("forkserver")
    processes.set_forkserver_preload(["eval_pipeline_tests.building"])
    places = ([str(tmp_path / "cold")] * 8, [str(tmp_path / "store")] * 8, [context.id] * 8)
    with ProcessPoolExecutor(8, mp_context=processes) as pool:
        assert list(pool.map(_row, *places)) == [{"n": 1, "what": "in"}] * 8
    assert len([path for path in (tmp_path / "cold" / "contexts").iterdir() if path.is_dir()]) == 1


def test_a_key_that_cannot_be_one_finds_nothing(context: SharedContext) -> None:
    assert context.lookup("people", ["p1"]) is None
    assert context.lookup("people", {"a": 1}) is None
    assert context.lookup("people", ("p1", [])) is None


def test_a_missing_context_is_no_failing_of_the_world() -> None:
    assert not issubclass(MissingContextError, InfrastructureError)
    assert not MissingContextError.retryable


def test_a_new_thread_has_the_context_that_it_is_started_in(context: SharedContext) -> None:
    with use_shared_context(context, case_id="c1"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(copy_context().run, current_case_id).result() == "c1"
        with pytest.raises(MissingContextError, match="copy_context"):
            pool.submit(current_case_id).result()


def test_a_cache_that_cannot_be_written_is_reported_with_the_fix(
    context: SharedContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(tmp_path / "file"))
    with pytest.raises(PermanentError, match="set EVAL_PIPELINE_CACHE to another folder"):
        SharedContext.open(LocalStore(tmp_path / "store"), "sample", context.id)


def test_it_is_opened_by_its_id_anywhere(
    context: SharedContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVAL_PIPELINE_STORE", str(tmp_path / "store"))
    assert get_shared_context(context.id).lookup("people", "p1") == context.lookup("people", "p1")
    with use_shared_context(context, case_id="c1"):
        assert get_shared_context(context.id) is context
    with pytest.raises(MissingContextError, match="has no shared context 'other'"):
        get_shared_context("other")
