"""Prices: cached and reasoning tokens priced right, the user's table first, and unknown is not free."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_pipeline.errors import InputError
from eval_pipeline.models.budget import Budget
from eval_pipeline.models.prices import price_table
from eval_pipeline.results.usage import TokenUsage
from eval_pipeline.settings import PRICES_VARIABLE

MILLION = TokenUsage(input=1_000_000, output=1_000_000)
counts = st.integers(0, 10**6)


def test_every_kind_of_token_has_its_price() -> None:
    used = TokenUsage(input=1_000_000, cached=400_000, cache_write=100_000, output=10_000, reasoning=9_000)
    assert price_table().cost("claude-sonnet-4-20250514", used) == pytest.approx(
        0.5 * 3 + 0.4 * 0.3 + 0.1 * 3.75 + 0.15
    )
    assert price_table().cost("gpt-4o", TokenUsage(input=1_000_000, cached=1_000_000)) == pytest.approx(1.25)


def test_langchain_counts_cached_and_reasoning_tokens_inside_the_others() -> None:
    metadata = {
        "input_tokens": 100,
        "output_tokens": 50,
        "input_token_details": {"cache_read": 60, "cache_creation": 10},
        "output_token_details": {"reasoning": 40},
    }
    used = TokenUsage.of_metadata(metadata)
    assert used == TokenUsage(input=100, output=50, cached=60, cache_write=10, reasoning=40)
    assert used.total == 150


def test_long_prompts_cost_what_long_prompts_cost() -> None:
    table = price_table()
    short, long = (table.cost("claude-sonnet-4-5", TokenUsage(input=tokens)) for tokens in (200_000, 200_001))
    assert short == pytest.approx(0.6)
    assert long == pytest.approx(200_001 * 6 / 1e6)


@pytest.mark.parametrize(
    "name", ["gpt-4o-2099-01-01", "openai/gpt-4o", "gpt-4o", "openai:gpt-4o", "azure_openai:gpt-4o"]
)
def test_a_snapshot_of_a_model_costs_what_the_model_costs(name: str) -> None:
    assert price_table().cost(name, TokenUsage(input=1_000_000)) == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("anthropic.claude-3-haiku-20240307-v1:0", 1.5),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 19.8),
        ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", 18),
        ("bedrock_converse:eu.anthropic.claude-3-7-sonnet-20250219-v1:0", 18),
        ("us.amazon.nova-pro-v1:0", 4),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0", 1.5),
        ("models/gemini-2.5-flash", 2.8),
    ],
)
def test_bedrocks_regional_profiles_have_a_price(name: str, expected: float) -> None:
    assert price_table().cost(name, MILLION) == pytest.approx(expected)


@pytest.mark.parametrize(
    "kind", ["inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "application-inference-profile/a1b2c3"]
)
def test_an_inference_profiles_arn_has_the_users_price_or_is_refused_by_its_name(kind: str, tmp_path: Path) -> None:
    arn = f"arn:aws:bedrock:eu-central-1:123456789012:{kind}"
    assert price_table().cost(arn, MILLION) is None
    budget = Budget(max_cost_usd=1)
    budget.spend(MILLION, arn)
    with pytest.raises(InputError, match=re.escape(f"no price is known of {arn}")):
        assert budget.spent
    (tmp_path / "own.csv").write_text(f"model,input,output\n{arn},3,15\n")
    assert price_table(tmp_path / "own.csv").cost(arn, MILLION) == 18


@pytest.mark.parametrize("name", ["", "support-desk-offline", "gpt-4o-my-own"])
def test_what_is_not_in_the_table_has_no_price(name: str) -> None:
    assert price_table().cost(name, TokenUsage(input=1)) is None


def test_the_users_tables_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "env.csv").write_text("model,input,output\ngpt-4o,7,7\nown-*,1,1\n")
    (tmp_path / "suite.csv").write_text("# ours\n\nmodel,input,output\nown-large,2,2\n")
    monkeypatch.setenv(PRICES_VARIABLE, str(tmp_path / "env.csv"))
    table = price_table(tmp_path / "suite.csv")
    million = TokenUsage(input=1_000_000, cached=1_000_000)
    assert [table.cost(name, million) for name in ("gpt-4o", "own-small", "own-large")] == [7, 1, 2]
    assert table.cost("gpt-4o-mini", million) == pytest.approx(0.075)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model,price\nx,1\n", "no column input, output"),
        ("# c\nmodel,input,output\nx,cheap,1\n", ":3 · input: 'cheap' is no price"),
        ("model,input,output\nx,1,-2\n", "'-2' is no price"),
        ("model,input,output\nx,1,\n", "a price is missing"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(InputError) as refused:
        price_table(tmp_path / "p.csv")
    assert expected in str(refused.value)
    with pytest.raises(InputError, match="no prices can be read"):
        price_table(tmp_path / "none.csv")


@given(counts, counts, counts)
@settings(deadline=None)  # the first example imports the table
def test_cached_tokens_never_cost_more_than_fresh_ones(input_: int, cached: int, output: int) -> None:
    cached = min(cached, input_)
    table = price_table()
    cost, fresh = (table.cost("gpt-4o", TokenUsage(input=input_, cached=each, output=output)) for each in (cached, 0))
    assert cost is not None
    assert fresh is not None
    assert 0 <= cost <= fresh
