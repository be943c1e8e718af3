"""The store in a folder: whole writes, one winner, keys in order; and opening one by URI."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_pipeline.errors import CorruptDataError, InputError, TransientError
from eval_pipeline.store.local import LocalStore
from eval_pipeline.store.opening import open_store


def files_under(folder: Path) -> list[str]:
    return sorted(found.name for found in folder.rglob("*") if found.is_file())


def test_what_was_put_is_got_and_can_be_replaced(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a/b.bin", b"one")
    store.put("a/b.bin", memoryview(b"two"))
    assert (store.get("a/b.bin"), store.get("a/c.bin")) == (b"two", None)
    assert files_under(tmp_path) == ["b.bin"]


def test_put_if_absent_leaves_what_is_there(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert store.put_if_absent("a/k", b"first")
    assert not store.put_if_absent("a/k", b"second")
    assert store.get("a/k") == b"first"
    assert files_under(tmp_path) == ["k"]


def test_of_sixteen_writers_of_each_key_exactly_one_wins(tmp_path: Path) -> None:
    keys, writers = [f"k{n}" for n in range(8)], 16
    start = threading.Barrier(writers)

    def write(writer: int) -> list[str]:
        store = LocalStore(tmp_path)
        start.wait()
        return [key for key in keys if store.put_if_absent(key, str(writer).encode())]

    with ThreadPoolExecutor(writers) as pool:
        won = list(pool.map(write, range(writers)))
    assert sorted(key for found in won for key in found) == keys
    store = LocalStore(tmp_path)
    assert all(store.get(key) == str(writer).encode() for writer, found in enumerate(won) for key in found)
    assert files_under(tmp_path) == keys


def test_a_write_that_fails_leaves_nothing_and_can_be_tried_again(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    (tmp_path / "taken" / "inside").mkdir(parents=True)
    with pytest.raises(TransientError, match="taken") as caught:
        store.put("taken", b"x")
    assert caught.value.retryable
    assert files_under(tmp_path) == []
    assert (tmp_path / "taken" / "inside").is_dir()


def test_a_store_under_a_file_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = LocalStore(tmp_path / "file")
    for use in (lambda: store.put("k", b""), lambda: store.put_if_absent("k", b""), lambda: store.get("k")):
        with pytest.raises(TransientError, match="check that the folder is there"):
            use()


names = st.text("ab-._0", min_size=1, max_size=4).filter(lambda name: not name.startswith("."))


@given(st.sets(st.tuples(names, names).map("/".join), max_size=8))
@settings(max_examples=25, deadline=None)
def test_keys_are_listed_in_order(tmp_path_factory: pytest.TempPathFactory, keys: set[str]) -> None:
    store = LocalStore(tmp_path_factory.mktemp("store"))
    for key in keys:
        store.put(f"in/{key}", b"")
    store.put("other/k", b"")
    assert list(store.list("in/")) == sorted(f"in/{key}" for key in keys)


def test_a_folder_that_is_not_there_holds_no_keys(tmp_path: Path) -> None:
    assert list(LocalStore(tmp_path / "gone").list("a/")) == []


def test_a_write_under_way_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".half.part").touch()
    assert list(LocalStore(tmp_path).list("a/")) == []


def test_a_table_is_kept_with_its_columns(tmp_path: Path) -> None:
    store, table = LocalStore(tmp_path), pa.table({"a": [1, 2], "b": ["x", None]})
    store.put_table("t.parquet", table)
    assert store.get_table("t.parquet") == table
    assert store.get_table("t.parquet", ["b"]) == table.select(["b"])
    assert store.get_table("gone.parquet") is None


def test_an_object_that_is_no_table_is_corrupt(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("t.parquet", b"PAR1 no more")
    with pytest.raises(CorruptDataError, match=r"t\.parquet is not readable as Parquet") as caught:
        store.get_table("t.parquet")
    assert not caught.value.retryable


def test_a_store_is_opened_by_path_or_file_uri(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    uris = [str(folder), f"file://{folder}".replace(" ", "%20")]
    assert [open_store(uri).root for uri in uris] == [str(folder)] * 2
    assert open_store(str(folder)).uri("a/b") == f"{folder}/a/b"


def test_a_kind_of_store_that_is_not_known_is_refused() -> None:
    with pytest.raises(InputError, match="'ftp' is not a known kind"):
        open_store("ftp://host/x")
