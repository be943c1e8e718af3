"""Snapshots: built once, reused while nothing changed, published by one, and never read when a byte is wrong."""

import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_pipeline.context.build import ensure_snapshot
from eval_pipeline.context.manifest import manifest_key
from eval_pipeline.context.plan import plan_context
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.errors import CorruptDataError, InputError, MissingUpstreamError, PermanentError
from eval_pipeline.store.layout import context_prefix
from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.suite import Suite
from eval_pipeline_tests.building import a_case, a_context, a_suite

CASES = [a_case("c1", input="a cat"), a_case("c2", input="nothing here")]
CONTEXT: dict[str, Any] = {
    "tables": {
        "pets": {"file": "pets.json", "key": "id"},
        "many": {"sql": "SELECT id FROM pets WHERE n > 1"},
        "called": {"python": "own.py:rows", "args": {"n": 2}},
    },
    "documents": {"source": {"sql": "SELECT id, note AS text, tags FROM pets"}, "retrieval": {"k": 1}},
    "patterns": [{"name": "p", "instruction": "Look.", "model": "eval_pipeline_tests.fakes:ReadingModel"}],
}


@pytest.fixture
def suite(folder: Path) -> Suite:
    """A suite with a source of most kinds."""
    (folder / "pets.json").write_text(
        '[{"id": "x", "n": 1, "note": "a cat", "tags": ["t"]}, {"id": "y", "n": 2, "note": "a dog", "tags": []}]'
    )
    (folder / "own.py").write_text("def rows(n):\n    return [{'i': i} for i in range(n)]\n")
    return a_suite(folder, context=CONTEXT)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_a_snapshot_holds_every_part_and_its_manifest_lists_them(suite: Suite, store: LocalStore) -> None:
    steps: list[str] = []
    snapshot = ensure_snapshot(plan_context(suite, CASES), store, report=steps.append)
    manifest = snapshot.manifest
    assert not snapshot.reused
    assert {part: file.rows for part, file in manifest.parts.items()} == {
        "tables/pets": 2,
        "tables/many": 1,
        "tables/called": 2,
        "documents": 2,
        "similar_documents": 1,
        "patterns": 1,
    }
    assert manifest.tables == ("pets", "many", "called")
    assert (manifest.input_tokens, manifest.output_tokens) == (10, 2)
    assert manifest.size_bytes == sum(len(store.get(manifest.key(part)) or b"") for part in manifest.parts)
    assert any("pets: 2 rows" in step for step in steps)


def test_an_unchanged_context_is_reused_without_running_a_source(suite: Suite, store: LocalStore) -> None:
    first = ensure_snapshot(plan_context(suite, CASES), store)
    again = plan_context(suite, reversed(CASES))
    (suite.folder / "pets.json").unlink()  # nothing could be read any more
    steps: list[str] = []
    second = ensure_snapshot(again, store, report=steps.append)
    assert (second.reused, second.manifest) == (True, first.manifest)
    assert steps == [f"reused shared context {again.context_id}: nothing it depends on changed"]


def test_of_builders_that_race_one_publishes_and_all_have_its_manifest(suite: Suite, store: LocalStore) -> None:
    with ThreadPoolExecutor(6) as pool:
        snapshots = list(pool.map(lambda _: ensure_snapshot(plan_context(suite, CASES), store), range(6)))
    assert len({snapshot.manifest.model_dump_json() for snapshot in snapshots}) == 1
    assert sum(not snapshot.reused for snapshot in snapshots) == 1


def test_a_source_that_fails_publishes_nothing(suite: Suite, store: LocalStore) -> None:
    context = {**CONTEXT, "tables": {**CONTEXT["tables"], "bad": {"sql": "SELECT * FROM gone"}}}
    with pytest.raises(InputError, match=r"context\.tables\.bad: the query fails"):
        ensure_snapshot(plan_context(a_suite(suite.folder, context=context), CASES), store)
    assert list(store.list("contexts/")) == []


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ({"source": {"sql": "SELECT id FROM pets"}}, "documents have no column text; .*columns found: id"),
        ({"source": {"sql": "SELECT 'x' AS id, note AS text FROM pets"}}, "document id 'x' is given twice"),
    ],
)
def test_documents_that_are_not_right_are_refused(
    suite: Suite, store: LocalStore, documents: dict[str, Any], message: str
) -> None:
    context = {"tables": CONTEXT["tables"], "documents": documents}
    with pytest.raises(InputError, match=message.replace("; ", ".*")):
        a_context(a_suite(suite.folder, context=context), store, CASES)


@pytest.mark.parametrize("returned", ["5", "[1]", "{'a': 1}", "None"])
def test_a_callable_that_returns_no_rows_is_refused(suite: Suite, store: LocalStore, returned: str) -> None:
    (suite.folder / "own.py").write_text(f"def rows(n):\n    return {returned}\n")
    with pytest.raises(InputError, match=r"'own\.py:rows' returned a .*Fix: return a pyarrow table"):
        a_context(a_suite(suite.folder, context=CONTEXT), store, CASES)


@pytest.mark.parametrize(
    "code", ["pd.DataFrame({'i': [0, 1]}, index=['a', 'b'])", "pa.table({'i': [0, 1]})", "[{'i': 0}, {'i': 1}]"]
)
def test_a_callable_may_return_any_kind_of_table(suite: Suite, store: LocalStore, code: str) -> None:
    (suite.folder / "own.py").write_text(
        f"import pandas as pd\nimport pyarrow as pa\ndef rows(n):\n    return {code}\n"
    )
    assert a_context(suite, store, CASES).rows("called") == [{"i": 0}, {"i": 1}]


def test_a_part_that_is_missing_is_reported(suite: Suite, store: LocalStore) -> None:
    manifest = ensure_snapshot(plan_context(suite, CASES), store).manifest
    Path(store.uri(manifest.key("documents"))).unlink()
    for use in (lambda: ensure_snapshot(plan_context(suite, CASES), store), lambda: _open(suite, store, manifest)):
        with pytest.raises(
            CorruptDataError, match=r"documents\..* is missing from the snapshot\. Fix: delete .* again"
        ):
            use()


def _open(suite: Suite, store: LocalStore, manifest: Any) -> SharedContext:
    return SharedContext.open(store, suite.name, manifest.context_id)


def test_a_snapshot_that_is_not_there_is_reported(store: LocalStore) -> None:
    with pytest.raises(MissingUpstreamError, match="materialize shared_context"):
        SharedContext.open(store, "sample", "0123")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalStore, str]:
    """A store with one small snapshot, and its id."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "a.csv").write_text("id,n\nx,1\n")
    store = LocalStore(folder / "store")
    suite = a_suite(folder, context={"tables": {"a": {"file": "a.csv"}}})
    return store, ensure_snapshot(plan_context(suite, []), store).manifest.context_id


@given(data=st.data())
@settings(max_examples=120, deadline=None)
def test_any_flipped_byte_is_noticed(
    published: tuple[LocalStore, str], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store, context_id = published
    keys = list(store.list(context_prefix("sample", context_id)))
    key = data.draw(st.sampled_from([*keys, manifest_key("sample", context_id)]))
    content = bytearray(store.get(key) or b"")
    right = bytes(content)
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVAL_PIPELINE_CACHE", str(tmp_path_factory.mktemp("cold")))
        try:
            store.put(key, bytes(content))
            with pytest.raises(CorruptDataError):
                SharedContext.open(store, "sample", context_id)
        finally:
            store.put(key, right)
        assert SharedContext.open(store, "sample", context_id).id == context_id


def _given_away(folder: Path) -> None:
    os.chown(folder, 12_345, -1)


def _opened_to_all(folder: Path) -> None:
    folder.chmod(0o777)


@pytest.mark.parametrize("changed", [_given_away, _opened_to_all])
def test_a_warm_copy_that_others_could_have_changed_is_not_read(
    published: tuple[LocalStore, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: Callable[[Path], None]
) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    store, context_id = published
    monkeypatch.setenv("EVAL_PIPELINE_CACHE", str(tmp_path / "cache"))
    SharedContext.open(store, "sample", context_id)
    (copy,) = (path for path in (tmp_path / "cache" / "contexts").iterdir() if path.is_dir())
    assert stat.S_IMODE(copy.stat().st_mode) == 0o700

    changed(copy)

    with pytest.raises(PermanentError, match="other users may write to it"):
        SharedContext.open(store, "sample", context_id)
