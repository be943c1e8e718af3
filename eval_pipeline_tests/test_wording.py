"""Words of messages: plural forms, and the known names that are near an unknown one."""

import pytest

from eval_pipeline.wording import counted, first_names, near_names, nearest


@pytest.mark.parametrize(("number", "text"), [(0, "0 cases"), (1, "1 case"), (2, "2 cases"), (12_345, "12,345 cases")])
def test_a_number_stands_with_its_noun(number: int, text: str) -> None:
    assert counted(number, "case") == text


def test_an_irregular_plural_is_given() -> None:
    assert counted(2, "query", "queries") == "2 queries"


def test_near_names_are_suggested_and_else_those_that_there_are() -> None:
    assert nearest("Modle", ["model", "version"]) == "did you mean 'model'?"
    assert nearest("x", ["model", "version"]) == "use one of model, version"
    assert nearest("x", map(str, range(100, 120))).endswith(" and 12 more")
    assert nearest("x", [], none="add one") == "add one"


def test_a_name_in_another_case_is_near() -> None:
    assert near_names("SMOKE", ["smoke", "hard"]) == ["smoke"]


def test_few_names_are_all_named() -> None:
    assert first_names(["a", "b"]) == "a, b"
