import re

import pytest

from eval_pipeline.suites.support_desk.agent import PROMPT, build_agent
from eval_pipeline.suites.support_desk.intent_examples import EXAMPLES
from eval_pipeline.suites.support_desk.refund_rules import TODAY
from eval_pipeline.suites.support_desk.slots import without_entities
from eval_pipeline.suites.support_desk.tools import TOOLS
from eval_pipeline_tests.suites.support_desk.evaluated import OFFLINE, answer, calls, snapshot, suite_and_cases, talk

WORDINGS = (
    "What is the status of order {}?",
    "could you check the status of my order {} please",
    "Hello! I would like to know the status of {}. Thank you.",
    "order status {}?",
)


@pytest.mark.parametrize("wording", WORDINGS)
@pytest.mark.parametrize("position", [0, 41, 97, 155])
def test_reworded_questions_about_any_order_get_that_orders_data(wording: str, position: int) -> None:
    order = snapshot().rows("orders")[position]
    messages = talk(wording.format(order["order_id"]))
    assert calls(messages) == [("get_order", {"order_id": order["order_id"]})]
    assert order["status"] in messages[-1].text
    assert f"{order['total']:.2f} EUR" in messages[-1].text


@pytest.mark.parametrize("country", ["Germany", "Sweden", "United Kingdom"])
def test_shipping_is_answered_for_any_country(country: str) -> None:
    assert f"Standard shipping to {country} takes" in answer(f"How many days does standard shipping to {country} take?")


@pytest.mark.parametrize("spelling", ["O-1127", "o-1127", "O1127", "order 1127", "order number 1127", "order #1127"])
def test_order_ids_are_understood_in_usual_spellings(spelling: str) -> None:
    assert ("get_order", {"order_id": "O-1127"}) in calls(talk(f"What is the status of {spelling}?"))


def test_a_follow_up_is_about_what_was_asked_before() -> None:
    assert "2026-06-17" in answer("When will my parcel arrive? It is O-1132.", "And O-1145?")


def test_no_call_is_repeated_with_the_same_arguments() -> None:
    tool_calls = calls(talk("What is the status of O-1132?", "And its total?", "What is the status of O-1132?"))
    assert tool_calls == [("get_order", {"order_id": "O-1132"})]


def test_without_an_order_the_agent_asks_instead_of_guessing() -> None:
    messages = talk("Where is my parcel?")
    assert calls(messages) == []
    assert "order id" in messages[-1].text


def test_json_holds_the_fields_that_were_asked_for() -> None:
    assert answer("Give me the status of order O-1132 in JSON, nothing else") == '{"status": "shipped"}'


def test_an_archived_article_is_not_quoted() -> None:
    assert "14 days" not in answer("Until when may I return audio products?")


def test_the_agent_declines_what_is_not_its_business() -> None:
    assert "cannot help" in answer("Who won the football match yesterday?")


def test_every_call_counts_tokens() -> None:
    usage = talk("What is the status of O-1132?")[-1].usage_metadata  # type: ignore[union-attr]
    assert usage is not None
    assert usage["input_tokens"] > usage["output_tokens"] > 0


def test_with_a_provider_the_same_graph_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("langchain_openai")
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
    assert build_agent("openai:gpt-4o-mini").get_graph().nodes.keys() == build_agent(OFFLINE).get_graph().nodes.keys()


def test_the_prompt_contains_the_date() -> None:
    assert f"Today is {TODAY}" in PROMPT


def test_tools_describe_themselves_and_their_arguments() -> None:
    assert all(tool.description and tool.args_schema is not None for tool in TOOLS)
    assert {"find_customer", "get_order", "search_articles", "known_issues", "request_refund"} <= {
        tool.name for tool in TOOLS
    }


def test_no_example_of_an_intent_shares_four_words_in_a_row_with_a_case() -> None:
    in_cases = {run for case in suite_and_cases()[1] for turn in case.turns for run in _runs(turn.text)}
    shared = [text for texts in EXAMPLES.values() for text in texts if not in_cases.isdisjoint(_runs(text))]
    assert shared == []


def _runs(text: str, length: int = 4) -> set[tuple[str, ...]]:
    spoken = re.findall(r"[a-z']+", without_entities(text).lower())
    return {tuple(spoken[start : start + length]) for start in range(len(spoken) - length + 1)}
