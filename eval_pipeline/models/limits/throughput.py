"""Governs the model calls of one run, as `evaluation:` of its suite configures it: limits, budget, retries, cache."""

import contextlib
import contextvars
import logging
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from langchain_core.caches import BaseCache

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.models.budget import Budget, charged_to
from eval_pipeline.models.cache import AnswerFile, CallCache
from eval_pipeline.models.calls.governor import CalledModel, governed_by
from eval_pipeline.models.limits.fleet.fleet import Fleet, FleetMember
from eval_pipeline.models.limits.fleet.ledger import Ledger, ledger_from_environment
from eval_pipeline.models.limits.limiter import Limiter, LimiterLease
from eval_pipeline.models.limits.own_models import limiting_own_calls
from eval_pipeline.models.limits.pace import PacerFactory, Rates, shared_pacer
from eval_pipeline.models.limits.repeated_errors import RepeatedErrors
from eval_pipeline.models.limits.working_time import not_counting
from eval_pipeline.settings import LIMITS_VARIABLE, cache_folder
from eval_pipeline.suite.spec.evaluation import Evaluation, ModelCache
from eval_pipeline.suite.suite import Suite

_log = logging.getLogger(__name__)

_NO_LEDGER = Problem(
    message=f"a budget of all runs of an experiment needs a server that they share, and {LIMITS_VARIABLE} names none",
    fix=f"set {LIMITS_VARIABLE} to redis://… or postgresql://…, or write `budget_of: run`",
    field="evaluation.budget_of",
)
_MEGABYTE = 1_000_000

_repetition: contextvars.ContextVar[int] = contextvars.ContextVar("repetition", default=1)


@dataclass(frozen=True, kw_only=True)
class ThroughputReport:
    """How a run called its models."""

    tokens: int
    cost_usd: float | None
    """Of all roles; None if the price of any call is unknown."""
    unpriced_models: tuple[str, ...]
    endpoints: tuple[dict[str, Any], ...]
    """Of each: `endpoint`, `ceiling`, `limit`, `lowest_limit`, and `changes` (`at_s`, `limit`, `reason`)."""
    shared: dict[str, Any] | None = None
    """Of limits shared with other processes: `backend`, and `missed`, the bookings that were made without it; None if
    there are none."""


class Throughput:
    """The governor of one run's model calls."""

    def __init__(
        self,
        evaluation: Evaluation,
        *,
        folder: Path,
        max_concurrency: int,
        pacers: PacerFactory = shared_pacer,
        ledger: Ledger | None = None,
        experiment: str | None = None,
    ) -> None:
        """`ledger`: of limits shared with other processes; `experiment`: whose runs may share a budget.

        Raises:
            InputError: a budget is shared, and there is no ledger.
        """
        self.max_retries = evaluation.max_retries
        self.budget = Budget(max_tokens=evaluation.max_tokens, max_cost_usd=evaluation.max_cost_usd)
        self.repeated_errors = RepeatedErrors(evaluation.break_after)
        self._ceiling, self._pacers = max_concurrency, pacers
        self._rates = Rates(
            requests_per_minute=evaluation.requests_per_minute, tokens_per_minute=evaluation.tokens_per_minute
        )
        self._limiters: dict[tuple[str, str], Limiter] = {}
        self._lock = threading.Lock()
        self._fleet = None if ledger is None else Fleet(ledger, limit=evaluation.fleet_concurrency)
        if evaluation.budget_of == "experiment" and experiment is not None:
            if self._fleet is None:
                raise InputError(_NO_LEDGER)
            self._fleet.share_budget(experiment, self.budget)
        self._cache = evaluation.model_cache
        self._answers = None if self._cache is None else _answer_file(self._cache, folder)

    @classmethod
    def of(cls, suite: Suite, *, max_concurrency: int | None = None, experiment: str | None = None) -> "Throughput":
        """As `suite` configures it, with `max_concurrency` calls to an endpoint at once.

        Raises:
            InputError: `EVAL_PIPELINE_LIMITS` names no ledger that can be used, or is not set and the suite needs one.
        """
        evaluation = suite.spec.evaluation
        return cls(
            evaluation,
            folder=suite.folder,
            max_concurrency=max_concurrency or evaluation.max_concurrency,
            ledger=ledger_from_environment(),
            experiment=experiment,
        )

    @contextlib.contextmanager
    def attempt(self, number: int) -> Iterator[None]:
        """Within it, model calls are those of attempt `number` of this run."""
        token = _repetition.set(number)
        try:
            with governed_by(self), charged_to(self.budget), limiting_own_calls(self._limiter):
                yield
        finally:
            _repetition.reset(token)

    def lease(self, model: CalledModel) -> LimiterLease:
        """A lease for one try of a call."""
        return LimiterLease(self._limiter(model), model)

    def cache(self, model: CalledModel) -> BaseCache | None:
        """The cache of this run, as `model` sees it in this attempt."""
        if self._answers is None or self._cache is None:
            return None
        repetition = None if self._cache.share_repetitions else _repetition.get()
        return CallCache(self._answers, salt=(model.version, repetition))

    def answered(self, model: CalledModel) -> bool:
        """Whether `model` ever answered in this run."""
        return self._limiter(model).answered(model)

    def gave_up(self, model: CalledModel, error: BaseException) -> None:
        """Record a call that is not retried; raises our own error where no call to `model` can succeed."""
        fatal = self._limiter(model).gave_up(model, error)
        if fatal is not None:
            raise fatal from error

    def waiting(self) -> contextlib.AbstractContextManager[None]:
        """Around a wait for a provider, which does not count for the attempt's time limit."""
        return not_counting()

    def report(self) -> ThroughputReport:
        """So far."""
        endpoints = [
            {
                "endpoint": endpoint,
                "ceiling": self._ceiling,
                "limit": limiter.adaptive.limit,
                "lowest_limit": min(change.limit for change in limiter.adaptive.history),
                "changes": [asdict(change) for change in limiter.adaptive.history],
            }
            for (endpoint, _), limiter in self._limiters.items()
        ]
        return ThroughputReport(
            tokens=self.budget.tokens,
            cost_usd=None if self.budget.unpriced or not self.budget.tokens else self.budget.cost_usd,
            unpriced_models=tuple(sorted(self.budget.unpriced)),
            endpoints=tuple(endpoints),
            shared=None if self._fleet is None else {"backend": self._fleet.kind, "missed": self._fleet.missed},
        )

    def close(self) -> None:
        """End the run."""
        if self._fleet is not None:
            self._fleet.close()
        if self._answers is not None:
            self._answers.close()

    def _limiter(self, model: CalledModel) -> Limiter:
        key = (model.endpoint, model.account)
        with self._lock:
            if key not in self._limiters:
                self._limiters[key] = self._open_limiter(" ".join(key))
            return self._limiters[key]

    def _open_limiter(self, account: str) -> Limiter:
        if self._fleet is None:
            return Limiter(ceiling=self._ceiling, pacer=self._pacers(account, self._rates), waiting=not_counting)
        client = self._fleet.client(account, self._rates, ceiling=self._ceiling)
        limiter = Limiter(ceiling=self._ceiling, pacer=client, waiting=not_counting, client=client)
        self._fleet.join(FleetMember(client=client, demand=limiter.demand, on_heartbeat=limiter.on_heartbeat))
        return limiter


def _answer_file(cache: ModelCache, folder: Path) -> AnswerFile | None:
    """The file of cached answers; None if it cannot be used, which costs money but no evaluation."""
    file = cache_folder() / "model_calls.sqlite" if cache.path is None else folder / Path(cache.path).expanduser()
    try:
        return AnswerFile(file, max_bytes=int(cache.max_mb * _MEGABYTE))
    except (OSError, sqlite3.Error) as error:
        _log.warning("%s cannot be used (%s): this run makes every model call", file, error)
        return None
