"""What governs one run: its gates, budget, breaker, cache and prices, made from `evaluation:` of its suite."""

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
from eval_pipeline.models.limits.breaker import Breaker
from eval_pipeline.models.limits.fleet.fleet import Fleet, Occupied
from eval_pipeline.models.limits.fleet.ledger import Ledger
from eval_pipeline.models.limits.fleet.opening import ledger_from_environment
from eval_pipeline.models.limits.limiter import Gate, GateLease
from eval_pipeline.models.limits.own_models import own_calls_through
from eval_pipeline.models.limits.pace import PacerFactory, Rates, shared_pacer
from eval_pipeline.models.limits.working_time import not_counting
from eval_pipeline.settings import LIMITS_VARIABLE, cache_folder
from eval_pipeline.suite.spec.evaluation import Evaluation, ModelCache
from eval_pipeline.suite.suite import Suite

_log = logging.getLogger(__name__)

_NO_LEDGER = Problem(
    message=f"a budget of all runs of an experiment needs a place that they share, and {LIMITS_VARIABLE} names none",
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
    """Of all roles; None if the price of any call is not known."""
    unpriced_models: tuple[str, ...]
    endpoints: tuple[dict[str, Any], ...]
    """Of each: `endpoint`, `ceiling`, `limit`, `lowest_limit`, and `changes` (`at_s`, `limit`, `reason`)."""
    shared: dict[str, Any] | None = None
    """Of limits that other processes share: `backend`, and `missed`, the bookings that were made without it; None if
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
        """`ledger`: of the limits that other processes share; `experiment`: whose runs may share a budget.

        Raises:
            InputError: a budget is to be shared, and there is no ledger.
        """
        self.max_retries = evaluation.max_retries
        self.budget = Budget(max_tokens=evaluation.max_tokens, max_cost_usd=evaluation.max_cost_usd)
        self.breaker = Breaker(evaluation.break_after)
        self._ceiling, self._pacers = max_concurrency, pacers
        self._rates = Rates(
            requests_per_minute=evaluation.requests_per_minute, tokens_per_minute=evaluation.tokens_per_minute
        )
        self._gates: dict[tuple[str, str], Gate] = {}
        self._lock = threading.Lock()
        self._fleet = None if ledger is None else Fleet(ledger, limit=evaluation.fleet_concurrency)
        if evaluation.budget_of == "experiment" and experiment is not None:
            if self._fleet is None:
                raise InputError(_NO_LEDGER)
            self._fleet.share_purse(experiment, self.budget)
        self._cache = evaluation.model_cache
        self._answers = None if self._cache is None else _answer_file(self._cache, folder)

    @classmethod
    def of(cls, suite: Suite, *, max_concurrency: int | None = None, experiment: str | None = None) -> "Throughput":
        """What `suite` says, with `max_concurrency` calls to an endpoint at once; shared as the environment says.

        Raises:
            InputError: the environment names no backend that can be used, or none and the suite needs one.
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
            with governed_by(self), charged_to(self.budget), own_calls_through(self._gate):
                yield
        finally:
            _repetition.reset(token)

    def lease(self, model: CalledModel) -> GateLease:
        """Ask leave for one try."""
        return GateLease(self._gate(model), model)

    def cache(self, model: CalledModel) -> BaseCache | None:
        """The cache of this run, as `model` sees it in this attempt."""
        if self._answers is None or self._cache is None:
            return None
        repetition = None if self._cache.share_repetitions else _repetition.get()
        return CallCache(self._answers, salt=(model.version, repetition))

    def answered(self, model: CalledModel) -> bool:
        """Whether `model` ever answered in this run."""
        return self._gate(model).answered(model)

    def gave_up(self, model: CalledModel, error: BaseException) -> None:
        """Nobody tries a call again; raises our own error where no call to `model` can succeed."""
        fatal = self._gate(model).gave_up(model, error)
        if fatal is not None:
            raise fatal from error

    def waiting(self) -> contextlib.AbstractContextManager[None]:
        """Waits for a provider are not the attempt's."""
        return not_counting()

    def report(self) -> ThroughputReport:
        """So far."""
        endpoints = [
            {
                "endpoint": endpoint,
                "ceiling": self._ceiling,
                "limit": gate.adaptive.limit,
                "lowest_limit": min(change.limit for change in gate.adaptive.history),
                "changes": [asdict(change) for change in gate.adaptive.history],
            }
            for (endpoint, _), gate in self._gates.items()
        ]
        return ThroughputReport(
            tokens=self.budget.tokens,
            cost_usd=None if self.budget.unpriced or not self.budget.tokens else self.budget.cost_usd,
            unpriced_models=tuple(sorted(self.budget.unpriced)),
            endpoints=tuple(endpoints),
            shared=None if self._fleet is None else {"backend": self._fleet.kind, "missed": self._fleet.missed},
        )

    def close(self) -> None:
        """The run is over."""
        if self._fleet is not None:
            self._fleet.close()
        if self._answers is not None:
            self._answers.close()

    def _gate(self, model: CalledModel) -> Gate:
        key = (model.endpoint, model.account)
        with self._lock:
            if key not in self._gates:
                self._gates[key] = self._open_gate(" ".join(key))
            return self._gates[key]

    def _open_gate(self, account: str) -> Gate:
        if self._fleet is None:
            return Gate(ceiling=self._ceiling, pacer=self._pacers(account, self._rates), waiting=not_counting)
        seat = self._fleet.seat(account, self._rates, ceiling=self._ceiling)
        gate = Gate(ceiling=self._ceiling, pacer=seat, waiting=not_counting, seat=seat)
        self._fleet.occupy(Occupied(seat=seat, demand=gate.demand, told=gate.told))
        return gate


def _answer_file(cache: ModelCache, folder: Path) -> AnswerFile | None:
    """The file of answers; None if it cannot be used, which costs money and no evaluation."""
    file = cache_folder() / "model_calls.sqlite" if cache.path is None else folder / Path(cache.path).expanduser()
    try:
        return AnswerFile(file, max_bytes=int(cache.max_mb * _MEGABYTE))
    except (OSError, sqlite3.Error) as error:
        _log.warning("%s cannot be used (%s): every model call of this run is made", file, error)
        return None
