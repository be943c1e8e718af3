"""The table of variants in terminals of any width: names stay whole, and of the rest as much as there is room for."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from eval_pipeline.cli.analyze.variants_table import show_variants
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.variants.standings import comparison, standing

LONGEST = 40


def shown(*names: str, width: int) -> list[str]:
    """The lines of a comparison of such variants, up to the table's end."""
    console = Console(file=io.StringIO(), width=width)
    others = [standing(name, "no significant difference", p_adjusted=0.25) for name in names]
    compared = comparison(standings=(standing("current", "current"), *others))
    show_variants(compared, LocalStore(Path("store")), {}, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().partition("attempts")[0].splitlines()


@pytest.mark.parametrize("width", [80, 100, 160])
@settings(deadline=None, max_examples=30)
@given(names=st.lists(st.text("abc-_1", min_size=1, max_size=LONGEST), min_size=1, max_size=4))
def test_names_are_whole_and_nothing_is_cut_off(names: list[str], width: int) -> None:
    lines = shown(*names, width=width)
    first_words = [line.split()[0] for line in lines if line.strip()]
    assert set(names) <= set(first_words)
    assert all(len(line) <= width for line in lines)
    assert sum("difference" in line for line in lines) == len(names)
    assert not any("…" in line for line in lines)


def test_where_there_is_room_all_stands_in_one_line() -> None:
    (line,) = (line for line in shown("terse", width=160) if "terse" in line)
    assert " ".join(line.split()) == "terse 50.0% +10.0 (+0.0 to +20.0) 0.2500 20 no significant difference"


def test_in_80_columns_short_names_cost_no_column() -> None:
    lines = " ".join(shown("terse", width=80))
    assert all(text in lines for text in ("0.2500", "(+0.0 to +20.0)", "cases"))


def test_in_80_columns_long_names_cost_the_least_important_columns() -> None:
    lines = " ".join(shown("x" * LONGEST, width=80))
    assert "(+0.0 to +20.0)" in lines
    assert "0.2500" not in lines


def test_where_a_name_is_longer_than_the_terminal_it_is_folded() -> None:
    lines = shown("x" * LONGEST, width=40)
    assert sum(line.count("x") for line in lines) == LONGEST
    assert all(len(line) <= 40 for line in lines)
