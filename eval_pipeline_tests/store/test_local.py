"""The store in a folder: files appear whole or not at all, and nothing else lies about."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eval_pipeline.errors import TransientError
from eval_pipeline.store.local import LocalStore


def files_under(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


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
    assert sorted(key for keys_won in won for key in keys_won) == keys
    store = LocalStore(tmp_path)
    assert all(store.get(key) == str(writer).encode() for writer, keys_won in enumerate(won) for key in keys_won)
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
        with pytest.raises(TransientError, match="check that the folder exists"):
            use()


def test_a_folder_that_is_not_there_holds_no_keys(tmp_path: Path) -> None:
    assert list(LocalStore(tmp_path / "gone").list("a/")) == []


def test_a_write_under_way_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".half.part").touch()
    assert list(LocalStore(tmp_path).list("a/")) == []
