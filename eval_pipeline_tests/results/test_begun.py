"""What was begun later has a later place, and each place is taken once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from eval_pipeline.results.begun import next_place
from eval_pipeline.store.local import LocalStore


def test_places_are_counted_and_each_is_taken_once(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        places = list(pool.map(lambda number: next_place(store, "s", f"e{number}"), range(20)))
    assert sorted(places) == list(range(1, 21))
    assert next_place(store, "s", "later") == 21
    assert next_place(store, "other", "e") == 1
