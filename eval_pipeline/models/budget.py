"""The tokens and the money that a run may spend, and whether they are spent."""

import contextlib
import contextvars
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.results.usage import TokenUsage


@dataclass(kw_only=True)
class Budget:
    """Tokens and money of all model calls of a run: the target's, the judges' and the simulated users'.

    With `set_spent_by_others` it is one budget of all runs of an experiment.
    """

    max_tokens: int | None = None
    max_cost_usd: float | None = None
    tokens: int = 0
    cost_usd: float = 0.0
    own_tokens: int = 0
    """Spent by this run alone."""
    own_cost_usd: float = 0.0
    unpriced: set[str] = field(default_factory=set)
    """Models that were called and have no known price."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def spend(self, used: TokenUsage, model: str) -> None:
        """Charge one call."""
        with self._lock:
            self.tokens += used.total
            self.own_tokens += used.total
            if used.cost_usd is None:
                self.unpriced.add(model)
            else:
                self.cost_usd += used.cost_usd
                self.own_cost_usd += used.cost_usd

    def set_spent_by_others(self, *, tokens: int, cost_usd: float) -> None:
        """Set what other runs of the experiment have spent so far."""
        with self._lock:
            self.tokens, self.cost_usd = self.own_tokens + tokens, self.own_cost_usd + cost_usd

    @property
    def spent(self) -> str | None:
        """Why no further attempt may begin; None if one may.

        Raises:
            InputError: money is limited, and a model without a known price was called.
        """
        if self.max_cost_usd is not None and self.unpriced:
            shown = ", ".join(sorted(name or "a model without a name" for name in self.unpriced))
            fix = "give it in the file `evaluation.prices` names, or limit `max_tokens` instead"
            message = f"the run is limited to {self.max_cost_usd:g} USD, and no price is known of {shown}"
            raise InputError(Problem(message=message, fix=fix, field="evaluation.max_cost_usd"))
        if self.max_tokens is not None and self.tokens >= self.max_tokens:
            return f"the budget is spent: {self.tokens:,} of {self.max_tokens:,} tokens (evaluation.max_tokens)"
        if self.max_cost_usd is not None and self.cost_usd >= self.max_cost_usd:
            return f"the budget is spent: {self.cost_usd:.4f} of {self.max_cost_usd:g} USD (evaluation.max_cost_usd)"
        return None


_current: contextvars.ContextVar[Budget | None] = contextvars.ContextVar("budget", default=None)


def current_budget() -> Budget | None:
    """The budget that calls made here are charged to; None outside a run."""
    return _current.get()


@contextlib.contextmanager
def charged_to(budget: Budget) -> Iterator[None]:
    """Within it, model calls are charged to `budget`."""
    token = _current.set(budget)
    try:
        yield
    finally:
        _current.reset(token)
