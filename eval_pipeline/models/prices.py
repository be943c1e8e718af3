"""What tokens cost: the user's CSV files of prices, else the package `genai-prices`, which never asks the network."""

import functools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.results.usage import TokenUsage
from eval_pipeline.settings import PRICES_VARIABLE, PipelineSettings
from eval_pipeline.suite.documents.csv_file import read_csv

_NEEDED = ("model", "input", "output")
_COLUMNS = ("from_input_tokens", "input", "cached_input", "cache_write", "output")
_PER = 1_000_000
_DATE = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{8})$")
"""A dated snapshot of a model costs what the model costs, unless the table has a price for it."""
_BEDROCK = re.compile(r"[a-z-]+\.[a-z]")
"""`anthropic.claude-…`, or with a region's profile `us.anthropic.claude-…`."""
_INFERENCE_PROFILE = re.compile(r"arn:[^:]*:bedrock:.*inference-profile/")
"""The user chose the models of an application's profile, so its ARN gives no price."""
_MAKERS = (
    *("openai", "anthropic", "google", "mistral", "x-ai", "cohere"),
    *("deepseek", "zai", "moonshotai", "minimax", "perplexity"),
)
"""Providers whose own models are looked up by name alone."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """US dollars per million tokens, for prompts longer than `from_input_tokens`."""

    from_input_tokens: int
    input: float
    cached_input: float
    cache_write: float
    output: float

    def of(self, used: TokenUsage) -> float:
        """What `used` costs. Reasoning is output, and priced with it."""
        fresh = max(0, used.input - used.cached - used.cache_write)
        read = fresh * self.input + used.cached * self.cached_input + used.cache_write * self.cache_write
        return (read + used.output * self.output) / _PER


@dataclass(frozen=True, kw_only=True)
class PriceTable:
    """Prices by model name; a name that ends in `*` stands for all that begin so, and the longest wins."""

    prices: Mapping[str, Sequence[Price]]
    """The user's."""

    def cost(self, model: str, used: TokenUsage) -> float | None:
        """US dollars of one call; None if the price of the model is unknown."""
        if model not in self._tiers:
            self._tiers[model] = self._tiers_of(model)
        tiers = self._tiers[model]
        if not tiers:
            return _published_cost(model, used)
        fitting = [price for price in tiers if used.input > price.from_input_tokens or price.from_input_tokens == 0]
        return fitting[-1].of(used) if fitting else None

    @functools.cached_property
    def _tiers(self) -> dict[str, Sequence[Price]]:
        """By model: the same few are asked for with every call."""
        return {}

    def _tiers_of(self, model: str) -> Sequence[Price]:
        short = model.rpartition("/")[2]
        for name in (model, short, _DATE.sub("", short)):
            if name in self.prices:
                return self.prices[name]
        patterns = [name for name in self.prices if name.endswith("*") and short.startswith(name[:-1])]
        return self.prices[max(patterns, key=len)] if patterns else ()


def _published_cost(model: str, used: TokenUsage) -> float | None:
    """US dollars of one call at the prices of `genai-prices`."""
    provider_and_name = _published_name(model)
    return None if provider_and_name is None else float(_published(*provider_and_name, used))


@functools.cache
def _published_name(model: str) -> tuple[str | None, str] | None:
    """The provider and the name that `genai-prices` knows a model by; None if it knows none."""
    for provider, name in _candidates(model):
        try:
            _published(provider, name, TokenUsage())
        except LookupError:
            continue
        return provider, name
    return None


def _candidates(model: str) -> Iterator[tuple[str | None, str]]:
    if not model or _INFERENCE_PROFILE.match(model):
        return
    short = model.rpartition("/")[2]
    yield None, model
    for name in (short, model.partition(":")[2]):
        if _BEDROCK.match(name):
            yield "aws", name
    for separator in ":/":
        provider, _, name = model.partition(separator)
        if name:
            yield provider, name
    for name in dict.fromkeys((short, _DATE.sub("", short))):
        yield None, name
        yield from ((maker, name) for maker in _MAKERS)


def _published(provider: str | None, name: str, used: TokenUsage) -> Decimal:
    """The cost of one call.

    Raises:
        LookupError: there is no such provider or model.
    """
    # Its table takes a tenth of a second to import, which processes that call no model need not pay.
    import genai_prices  # noqa: PLC0415

    cached = min(used.cached, used.input)
    usage = genai_prices.Usage(
        input_tokens=used.input,
        output_tokens=used.output,
        cache_read_tokens=cached,
        cache_write_tokens=min(used.cache_write, used.input - cached),
    )
    return genai_prices.calc_price(usage, name, provider_id=provider).total_price


def price_table(*files: Path | None) -> PriceTable:
    """The prices of `genai-prices`, below those of the file that `EVAL_PIPELINE_PRICES` names, below those of `files`.

    Args:
        files: CSV with the columns `model`, `input`, `output` and, if they differ, `cached_input`, `cache_write`
            and `from_input_tokens`; US dollars per million tokens. A model of a later file replaces one of an earlier.

    Raises:
        InputError: a file is missing or no such table.
    """
    named = PipelineSettings.from_environment().prices
    given = [named and named.expanduser(), *files]
    return _table(tuple((file, _stamp(file)) for file in given if file is not None))


def _stamp(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError as error:
        fix = f"correct `evaluation.prices` in suite.yaml, or {PRICES_VARIABLE}"
        raise InputError(Problem(message=f"no prices can be read: {error.strerror}", fix=fix, file=file)) from error


@functools.lru_cache(maxsize=8)
def _table(files: tuple[tuple[Path, int], ...]) -> PriceTable:
    prices: dict[str, list[Price]] = {}
    for file, _ in files:
        prices |= _read(file)
    return PriceTable(prices=prices)


def _read(file: Path) -> dict[str, list[Price]]:
    tiers: dict[str, list[Price]] = {}
    for line, row in _rows(file):
        tiers.setdefault(row["model"], []).append(_price(file, line, row))
    return {model: sorted(prices, key=lambda price: price.from_input_tokens) for model, prices in tiers.items()}


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    table = read_csv(file, required=_NEEDED, comment="#")
    if missing := [name for name in _NEEDED if name not in table.columns]:
        fix = "begin with a line such as `model,input,cached_input,output`"
        raise InputError(Problem(message=f"no column {', '.join(missing)}", fix=fix, file=file))
    for line, cells in table.rows:
        yield line, dict(zip(table.columns, cells, strict=False))


def _price(file: Path, line: int, row: Mapping[str, str | None]) -> Price:
    values: dict[str, float] = {}
    for name in _COLUMNS:
        text = (row.get(name) or "").strip()
        try:
            values[name] = float(text) if text else math.nan
        except ValueError:
            values[name] = -1.0
        if values[name] < 0 or math.isinf(values[name]):
            fix = "write US dollars per million tokens, such as 2.50"
            raise InputError(Problem(message=f"{text!r} is no price", fix=fix, file=file, line=line, field=name))
    if math.isnan(values["input"]) or math.isnan(values["output"]):
        raise InputError(Problem(message="a price is missing", fix="give `input` and `output`", file=file, line=line))
    # Cached tokens without a price of their own cost what fresh input costs.
    whole = {name: values["input"] if math.isnan(value) else value for name, value in values.items()}
    start = values["from_input_tokens"]
    return Price(
        from_input_tokens=0 if math.isnan(start) else int(start),
        input=whole["input"],
        cached_input=whole["cached_input"],
        cache_write=whole["cache_write"],
        output=whole["output"],
    )
