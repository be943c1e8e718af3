"""What a run of a model costs where it states its tokens and its model, but no cost: at published prices."""

import functools
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from eval_pipeline.langsmith.protocol.usage import RunUsage


def with_cost(usage: RunUsage, run_type: Any, metadata: Any) -> RunUsage:
    """The usage with the cost of its tokens, unless it states one or the model has no published price."""
    costs = (usage.prompt_cost, usage.completion_cost, usage.total_cost)
    model = metadata.get("ls_model_name") if isinstance(metadata, Mapping) else None
    if run_type != "llm" or not isinstance(model, str) or not usage.total_tokens or any(c is not None for c in costs):
        return usage
    provider = metadata.get("ls_provider")
    details = usage.details.get("prompt_token_details")
    details = details if isinstance(details, Mapping) else {}
    priced = _price(
        model,
        provider if isinstance(provider, str) else None,
        usage.prompt_tokens or 0,
        usage.completion_tokens or 0,
        _count(details.get("cache_read")),
        _count(details.get("cache_creation")),
    )
    if priced is None:
        return usage
    prompt, completion = priced
    return replace(
        usage, prompt_cost=float(prompt), completion_cost=float(completion), total_cost=float(prompt + completion)
    )


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0


@functools.lru_cache(maxsize=4096)
def _price(
    model: str, provider: str | None, prompt: int, completion: int, cached: int, cache_write: int
) -> tuple[Decimal, Decimal] | None:
    """US dollars of the prompt and of the completion."""
    # Its table takes a tenth of a second to import, which recorders of agents without models need not pay.
    import genai_prices  # noqa: PLC0415

    cached = min(cached, prompt)
    used = genai_prices.Usage(
        input_tokens=prompt,
        output_tokens=completion,
        cache_read_tokens=cached,
        cache_write_tokens=min(cache_write, prompt - cached),
    )
    for provider_id in dict.fromkeys((provider, None)):
        try:
            price = genai_prices.calc_price(used, model, provider_id=provider_id)
        except (LookupError, ValueError):
            continue
        return price.input_price, price.output_price
    return None
