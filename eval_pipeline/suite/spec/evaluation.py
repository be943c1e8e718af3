"""How a run evaluates its cases, as written under `evaluation:` in `suite.yaml`."""

from typing import Literal

from pydantic import Field

from eval_pipeline.suite.documents.document import Document


class ModelCache(Document):
    """A cache on disk for the answers of chat models, by model, parameters and messages."""

    path: str | None = None
    """A file, relative to the suite's folder; by default one in the user's cache folder."""
    max_mb: float = Field(default=1_000, gt=0)
    """The most megabytes of answers; beyond them the least recently used are removed."""
    share_repetitions: bool = False
    """Whether the second attempt at a case may use the answers of the first."""


class Evaluation(Document):
    """How a run evaluates its cases."""

    max_concurrency: int = Field(default=8, ge=1)
    """The most attempts in flight within one run, and calls in flight to one provider. After a 429 or an overload fewer
    calls are in flight until the provider answers again."""
    timeout_s: float | None = Field(default=None, gt=0)
    """Seconds for one attempt, judges included; beyond them the attempt is an error. Waiting for a provider's limits
    does not count. By default the setting `evaluation_timeout_seconds`, 300."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    """The most requests of target, judges and simulated users together to one provider's account, from this process; or
    from all processes that share `EVAL_PIPELINE_LIMITS`."""
    tokens_per_minute: float | None = Field(default=None, gt=0)
    """As `requests_per_minute`, for tokens."""
    fleet_concurrency: int | None = Field(default=None, ge=1)
    """The most calls in flight to one provider's account from all processes that share `EVAL_PIPELINE_LIMITS`.
    `max_concurrency` limits each of them besides."""
    max_retries: int = Field(default=6, ge=0)
    """How often a model call is retried after an error that may pass (429, 5xx, time-out, broken connection)."""
    max_tokens: int | None = Field(default=None, gt=0)
    """The tokens that the run may use. When they are used, no further attempt begins; the rest is `skipped`, which
    fails `gates.max_skipped`."""
    max_cost_usd: float | None = Field(default=None, gt=0)
    """As `max_tokens`, in dollars. A model without a price ends the run."""
    budget_of: Literal["run", "experiment"] = "run"
    """What `max_tokens` and `max_cost_usd` limit: each run, so that a backfill of ten runs may use ten times as much;
    or all runs of an experiment together, which needs `EVAL_PIPELINE_LIMITS`. Runs exchange what they used every
    second; calls in flight are not counted."""
    break_after: int | None = Field(default=20, ge=2)
    """If this many first attempts all fail with the same error, the run ends; null: never."""
    cache: bool | str | ModelCache = False
    """Whether answers of models are cached: true, a file, or a mapping."""
    checkpoints: bool | str = False
    """Whether attempts in progress are saved, so that a resumed run (`--resume`) continues a long one at the turn it
    had reached: true, or an SQLite file, relative to the suite's folder; by default one in the user's cache folder. It
    holds unredacted conversations of unfinished attempts, and only its owner may read it."""
    prices: str | None = None
    """A CSV file of prices, which override those of the package (`genai-prices`)."""
    reuse: Literal["never", "unchanged"] = "never"
    """Whether results of earlier experiments are reused for attempts of which nothing has changed."""
    max_cases_per_run: int = Field(default=1_000, ge=1)
    """The most partitions that one run of a backfill evaluates."""
    pool: str | None = Field(default=None, pattern=r"^\S+$")
    """The Dagster pool of the runs that evaluate. If it has a limit, it limits the runs of all suites that name it."""

    @property
    def model_cache(self) -> ModelCache | None:
        """The cache, in whichever form it was written; None without one."""
        if isinstance(self.cache, ModelCache):
            return self.cache
        return ModelCache(path=self.cache if isinstance(self.cache, str) else None) if self.cache else None
