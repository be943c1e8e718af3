"""What every store does, on a folder, on moto's S3 server and on Ceph's."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval_pipeline.errors import CorruptDataError, InputError
from eval_pipeline.store.parquet import parquet_bytes
from eval_pipeline.store.store import Store
from eval_pipeline_tests.store.conftest import StoreOpener


def test_what_was_put_is_got_and_can_be_replaced(store: Store) -> None:
    store.put("a/b.bin", b"one")
    store.put("a/b.bin", memoryview(b"two"))
    assert (store.get("a/b.bin"), store.get("a/c.bin")) == (b"two", None)
    assert list(store.list("a/")) == ["a/b.bin"]


def test_what_is_deleted_is_gone_and_the_rest_stays(store: Store) -> None:
    for key in ("a/b/c.bin", "a/d.bin"):
        store.put(key, b"one")
    store.delete("a/b/c.bin")
    store.delete("a/b/c.bin")
    assert list(store.list("a/")) == ["a/d.bin"]
    store.put("a/b/c.bin", b"again")
    assert store.get("a/b/c.bin") == b"again"


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", "a//b", "a/./b", "..", "a\\..\\b", "a/\0", "a\n"])
def test_no_key_leads_out_of_the_store(store: Store, key: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.get(key),
        lambda: store.put(key, b""),
        lambda: store.put_if_absent(key, b""),
        lambda: list(store.list(f"{key}/")),
    ]
    for call in calls:
        with pytest.raises(InputError, match="not a key"):
            call()


def test_put_if_absent_leaves_what_is_there(store: Store) -> None:
    assert store.put_if_absent("a/k", b"first")
    assert not store.put_if_absent("a/k", b"second")
    assert store.get("a/k") == b"first"


def test_of_many_writers_of_each_key_exactly_one_wins(opener: StoreOpener) -> None:
    keys, writers = [f"k/{n}" for n in range(5)], 16
    start = threading.Barrier(writers)

    def write(writer: int) -> list[str]:
        store = opener()
        start.wait()
        return [key for key in keys if store.put_if_absent(key, str(writer).encode())]

    with ThreadPoolExecutor(writers) as pool:
        won = list(pool.map(write, range(writers)))
    assert sorted(key for keys_won in won for key in keys_won) == keys
    store = opener()
    assert all(store.get(key) == str(writer).encode() for writer, keys_won in enumerate(won) for key in keys_won)


names = st.text("ab-._0", min_size=1, max_size=4).filter(lambda name: not name.startswith("."))


@given(keys=st.sets(st.tuples(names, names).map("/".join), max_size=6))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_keys_are_listed_in_order_and_none_from_elsewhere(store: Store, keys: set[str]) -> None:
    place = uuid.uuid4().hex
    for key in keys:
        store.put(f"{place}/in/{key}", b"")
    store.put(f"{place}/inner/k", b"")
    assert list(store.list(f"{place}/in/")) == sorted(f"{place}/in/{key}" for key in keys)


def test_a_table_is_kept_with_its_columns(store: Store) -> None:
    table = pa.table({"a": [1, 2], "b": ["x", None]})
    store.put_table("t.parquet", table)
    assert store.get_table("t.parquet") == table
    assert store.get_table("t.parquet", ["b"]) == table.select(["b"])
    assert store.get_table("gone.parquet") is None


def test_an_object_that_is_no_table_is_corrupt(store: Store) -> None:
    store.put("t.parquet", b"PAR1 no more")
    with pytest.raises(CorruptDataError, match=r"t\.parquet is not readable as Parquet") as caught:
        store.get_table("t.parquet")
    assert not caught.value.retryable


def _ids(table: pa.Table | None) -> list[str]:
    return [] if table is None else [str(value) for value in table.column("id").to_pylist()]


def test_rows_are_read_by_what_a_column_holds(store: Store) -> None:
    ids = [f"{number:04d}" for number in range(1_000)]
    table = pa.table({"id": ids, "text": [number * 100 for number in ids]})
    store.put_table("groups.parquet", table, rows_per_group=100)
    store.put_table("one.parquet", table)
    for key in ("groups.parquet", "one.parquet"):
        assert store.get_rows(key, "id", {"0900", "0001", "not there"}) == table.take([1, 900])
        assert _ids(store.get_rows(key, "id", ids)) == ids
        assert _ids(store.get_rows(key, "id", ["9999"])) == []
    assert store.get_rows("gone.parquet", "id", ids) is None


def test_rows_are_selected_by_any_column_of_the_table(store: Store) -> None:
    ids = [f"{number:02d}" for number in range(10)]
    table = pa.table({"turn": [{"text": "zz", "number": 1}] * 10, "tags": [["zz"]] * 10, "id": ids})
    store.put_table("t.parquet", table, rows_per_group=5)
    assert _ids(store.get_rows("t.parquet", "id", ["01", "07"])) == ["01", "07"]


def test_rows_of_an_object_that_is_no_table_are_corrupt(store: Store) -> None:
    for data in (b"PAR1 no more", b"."):
        store.put("t.parquet", data)
        with pytest.raises(CorruptDataError, match=r"t\.parquet is not readable as Parquet"):
            store.get_rows("t.parquet", "id", ["a"])


def test_rows_that_are_not_what_was_written_are_corrupt(store: Store) -> None:
    table = pa.table({"id": ["a", "b"], "text": ["what was written", "and this"]})
    sink = bytes(parquet_bytes(table, rows_per_group=1))
    store.put("t.parquet", sink.replace(b"what was written", b"what was not it "))
    with pytest.raises(CorruptDataError, match="CRC"):
        store.get_rows("t.parquet", "id", ["a"])
