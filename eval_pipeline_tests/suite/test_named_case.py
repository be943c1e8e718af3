"""Cases with a name, as test definitions of workflows have them."""

import pytest

from eval_pipeline.suite.case import Case
from eval_pipeline.suite.named_case import id_of_name


@pytest.mark.parametrize(
    ("name", "case_id"),
    [("booking test", "booking-test"), ("a_b-", "a_b-"), ("Größe: 3!", "Gr-e-3"), ("x" * 130 + "!", "x" * 120)],
)
def test_the_id_is_made_of_the_name(name: str, case_id: str) -> None:
    case = Case.model_validate({"name": name, "turns": [{"user_input": "Hi"}]})
    assert case.id == case_id == id_of_name(name)
    assert case.metadata == ({} if name == case_id else {"name": name})


def test_contains_ignores_case_in_this_form_only() -> None:
    turns = [{"user_input": "Hi", "assertions": [{"type": "contains", "value": "ok"}]}]
    named = Case.model_validate({"name": "a", "turns": turns, "assertions": [{"type": "contains", "value": "ok"}]})
    assert [each.type for each in named.every_assertion] == ["icontains", "icontains"]
    assert [each.type for each in Case.model_validate({"id": "a", "turns": turns}).every_assertion] == ["contains"]


def test_further_runtime_options_are_configurable() -> None:
    case = Case.model_validate(
        {"name": "a", "turns": [{"user_input": "Hi"}], "_runtime_model": "m", "_runtime_tenant": "blue"}
    )
    assert case.runtime.model == "m"
    assert case.configurable == {"tenant": "blue"}
