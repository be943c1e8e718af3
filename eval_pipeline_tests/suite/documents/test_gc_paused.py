"""Pausing the garbage collector: within, whatever happens, and no longer."""

import gc

import pytest

from eval_pipeline.suite.documents.gc_paused import gc_paused


def test_nothing_is_collected_within_and_again_afterwards_also_after_an_error() -> None:
    within = []

    @gc_paused()
    def breaks() -> None:
        within.append(gc.isenabled())
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        breaks()
    assert within == [False]
    assert gc.isenabled()


def test_who_has_turned_it_off_finds_it_off() -> None:
    gc.disable()
    try:
        with gc_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
