"""Inputs fill a graph's state by the keys of its schema; outputs are its own."""

from pathlib import Path
from typing import Any

import pytest

from eval_pipeline.results.case_result import CaseResult, TurnResult
from eval_pipeline.suite.check import check_suite
from eval_pipeline_tests.building import a_case, a_suite, evaluated, write_suite
from eval_pipeline_tests.targets.graphs import keyed_graphs

HERE = "eval_pipeline_tests.targets.graphs.keyed_graphs"


def a_target(name: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "langgraph", "path": f"{HERE}:{name}", **fields}


async def result_of(name: str, target: dict[str, Any] | None = None, **case: Any) -> CaseResult:
    return await evaluated(a_suite(Path(), target=a_target(name, **(target or {}))), a_case(**case))


async def turn_of(name: str, target: dict[str, Any] | None = None, **case: Any) -> TurnResult:
    keyed_graphs.got.clear()
    result = await result_of(name, target, **case)
    assert result.error is None, result.error.traceback
    return result.turns[-1]


@pytest.mark.parametrize(
    ("case", "top_k"),
    [
        ({"inputs": {"question": "tea", "top_k": 3}}, 3),
        ({"inputs": {"question": "tea", "top_k": 3}, "input": "tea"}, 3),
        ({"input": {"question": "tea"}}, 2),
        ({"input": "tea"}, 2),
    ],
)
async def test_inputs_fill_keys_by_name_and_the_output_schema_says_what_comes_out(
    case: dict[str, Any], top_k: int
) -> None:
    turn = await turn_of("retrieval", **case)
    documents = [f"tea {n}" for n in range(top_k)]
    assert turn.outputs == {"answer": f"{top_k} documents", "sources": documents}
    assert turn.response == f"{top_k} documents"
    assert turn.state is not None
    assert turn.state["documents"] == documents  # which the output leaves out


async def test_a_single_node_gets_the_state_that_it_expects() -> None:
    turn = await turn_of("retrieval.nodes[retrieve]", input={"question": "tea", "top_k": 1})
    assert turn.outputs == {"documents": ["tea 0"]}
    turn = await turn_of("retrieval.nodes[generate]", input={"documents": ["a", "b"]})
    assert turn.outputs == {"answer": "2 documents", "sources": ["a", "b"]}


async def test_a_mapping_goes_into_the_only_key_by_its_name_or_by_input_key() -> None:
    mail = {"author": "Ada", "subject": "tea"}
    for case, target in (
        ({"inputs": {"email_input": mail}}, {}),
        ({"input": mail}, {"input_key": "email_input"}),
    ):
        turn = await turn_of("email", target, **case)
        assert turn.response == "Dear Ada" or turn.outputs["reply"] == "Dear Ada"


async def test_messages_history_state_and_inputs_reach_one_state() -> None:
    history = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    turn = await turn_of("planner", input="tea", messages=history, state={"plan": "brew", "files": ["a"]})
    assert turn.response == "hi | hello | tea | brew"
    assert keyed_graphs.got == [{"plan": "brew", "files": ["a"]}]
    assert turn.outputs["files"] == ["a", "b"]
    assert len(turn.messages) == 1


async def test_the_state_of_a_case_is_set_once_and_then_lives() -> None:
    turns = [{"input": "a"}, {"input": {"messages": [{"role": "user", "content": "b"}], "plan": "new"}}]
    turn = await turn_of("planner", turns=turns, state={"plan": "old", "files": ["a"]})
    assert keyed_graphs.got == [{"plan": "old", "files": ["a"]}, {"plan": "new", "files": ["a", "b"]}]
    assert turn.response == "a | a | old | b | new"


@pytest.mark.parametrize(
    ("name", "given", "response"),
    [
        ("shout", "tea", "TEA"),
        ("prompted", {"topic": "tea", "language": "German"}, "a poem"),
        ("model", "hello", "said"),
    ],
)
async def test_entrypoints_and_runnables_get_what_they_take(name: str, given: Any, response: str) -> None:
    assert (await turn_of(name, input=given)).response == response


@pytest.mark.parametrize(
    ("name", "case", "message"),
    [
        ("two_texts", {"input": "tea"}, "the graph takes left, right, and the input is text. Fix: name the one in"),
        ("planner", {"input": {"a": 1, "b": 2}}, "the input has a, b; the graph takes messages, plan, files"),
    ],
)
async def test_an_input_that_has_no_place_is_an_error_that_check_names(
    folder: Path, name: str, case: dict[str, Any], message: str
) -> None:
    result = await result_of(name, **case)
    assert result.error is not None
    assert message in result.error.message
    asserted = [{"type": "contains", "value": "x"}]
    suite = write_suite(folder, target=a_target(name), cases=[{"id": "c7", **case, "assertions": asserted}])
    (problem,) = check_suite(suite)[2]
    assert message in str(problem)
    assert problem.case == "c7"


@pytest.mark.parametrize("name", ["tenants", "tenants_model", "tenants_dict"])
async def test_the_runtime_context_is_filled_from_suite_and_case(name: str) -> None:
    of_case = await turn_of(name, input="x", context={"tenant": "acme"})
    of_suite = await turn_of(name, {"context": {"tenant": "acme"}}, input="x")
    both = await turn_of(name, {"context": {"tenant": "other"}}, input="x", context={"tenant": "acme"})
    assert "tenant=acme" in of_case.response
    assert of_case.response == of_suite.response == both.response


async def test_a_context_that_needs_no_value_has_its_defaults() -> None:
    assert (await turn_of("locales", input="x")).response == "language=en"


@pytest.mark.parametrize(
    ("name", "fields", "problem"),
    [
        ("tenants", {}, ("context.tenant", "Tenant requires it")),
        ("tenants_model", {}, ("context.tenant", "TenantModel requires it")),
        ("tenants_dict", {}, ("context.tenant", "TenantDict requires it")),
        ("tenants", {"context": {"tenant": "a", "tenan": 1}}, ("context.tenan", "Tenant has no such field")),
        ("tenants", {"context": {"tenant": "a", "limit": "many"}}, ("context.limit", "valid integer")),
        ("planner", {"state": {"plans": "x"}}, ("state.plans", "the graph's state has no such key")),
        ("planner", {"configurable": {"thread_id": "x"}}, ("configurable.thread_id", "set by the evaluation")),
    ],
)
def test_check_compares_cases_with_the_schema(
    folder: Path, name: str, fields: dict[str, Any], problem: tuple[str, str]
) -> None:
    asserted = [{"type": "contains", "value": "x"}]
    cases = [{"id": f"c{n}", "input": "x", "assertions": asserted, **fields} for n in range(3)]
    (reported,) = check_suite(write_suite(folder, target=a_target(name), cases=cases))[2]
    assert reported.case == "c0"  # each problem once
    assert reported.field == problem[0]
    assert problem[1] in reported.message


def test_a_factory_is_tried_with_what_the_first_case_says(folder: Path) -> None:
    asserted = [{"type": "contains", "value": "x"}]
    case = {"id": "c1", "input": "x", "assertions": asserted}
    target = a_target("made_for")
    assert check_suite(write_suite(folder, target=target, cases=[{**case, "configurable": {"user_id": "u"}}]))[2] == []
    (problem,) = check_suite(write_suite(folder, target=target, cases=[case]))[2]
    assert "failed with KeyError: 'user_id'" in problem.message
