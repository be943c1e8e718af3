"""Tests of `eval_pipeline.variants.variant_comparison`."""

from pathlib import Path

import pytest

from eval_pipeline.errors import CorruptDataError, MissingUpstreamError
from eval_pipeline.store.layout import variants_key
from eval_pipeline.store.local import LocalStore
from eval_pipeline.variants.variant_comparison import latest_comparison, read_comparison, write_comparison
from eval_pipeline_tests.variants.standings import comparison


def test_a_comparison_is_read_as_it_was_written(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert write_comparison(store, comparison()) == comparison()
    assert read_comparison(store, "shop", "shop-0123456789ab") == comparison()
    assert comparison().standing("good").outcome == "better"
    assert comparison().effort.saved == 0.25


def test_the_first_comparison_of_a_name_counts(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    write_comparison(store, comparison())
    assert write_comparison(store, comparison(winner=None, verdict="a tie")) == comparison()


def test_the_latest_is_the_one_made_last(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert latest_comparison(store, "shop") is None
    for name, made_at in (("shop-b", "2026-01-03T00:00:00.000+00:00"), ("shop-c", "2026-01-02T00:00:00.000+00:00")):
        write_comparison(store, comparison(name=name, made_at=made_at))
    latest = latest_comparison(store, "shop")
    assert latest is not None
    assert latest.name == "shop-b"
    # A clock that was set back does not matter where the order is known.
    write_comparison(store, comparison(name="shop-d", made_at="2026-01-01T00:00:00.000+00:00", order=4))
    latest = latest_comparison(store, "shop")
    assert latest is not None
    assert latest.name == "shop-d"
    assert latest_comparison(store, "other") is None


def test_one_that_is_not_there_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(MissingUpstreamError, match="eval-pipeline variants run"):
        read_comparison(LocalStore(tmp_path), "shop", "shop-0")


def test_one_that_cannot_be_read_is_no_comparison(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put(variants_key("shop", "shop-0"), b'{"name": "shop-0"}')
    with pytest.raises(CorruptDataError, match="cannot be read as a comparison"):
        read_comparison(store, "shop", "shop-0")
