"""How a provider fails, and on which requests: by a plan, or at random with a seed."""

import email.utils
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eval_pipeline.testing.openai_server.wire import error


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A fault that is an answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


CUT, GARBLED, SLOW = "cut", "garbled", "slow"
"""Faults that are no refusal: the connection ends in the middle, the body is no JSON, nothing comes for a while."""

_TOO_LONG = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."


def refusal(fault: str, *, retry_after_s: float = 0.0) -> Refusal | None:
    """The answer that `fault` is; None if it is none of these."""
    seconds = {"Retry-After": f"{retry_after_s:g}"}
    date = {"Retry-After": email.utils.formatdate(time.time() + retry_after_s, usegmt=True)}
    limited = error("Rate limit reached", code="rate_limit_exceeded", kind="requests")
    refusals = {
        "401": Refusal(status=401, body=error("Incorrect API key provided", code="invalid_api_key")),
        "403": Refusal(status=403, body=error("You are not allowed to sample from this model")),
        "404": Refusal(status=404, body=error("The model does not exist", code="model_not_found")),
        "429": Refusal(status=429, body=limited, headers=seconds),
        "429-date": Refusal(status=429, body=limited, headers=date),
        "500": Refusal(status=500, body=error("The server had an error", kind="server_error")),
        "529": Refusal(status=529, body=error("Overloaded", kind="overloaded_error")),
        "context": Refusal(status=400, body=error(_TOO_LONG, code="context_length_exceeded")),
        "quota": Refusal(status=429, body=error("You exceeded your current quota", code="insufficient_quota")),
    }
    return refusals.get(fault)


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Which requests fail, and how."""

    plan: Sequence[str | None] = ()
    """For the first requests, one each."""
    rate: float = 0.0
    """For the others: the share that fails."""
    kinds: Sequence[str] = ("429", "500", CUT)
    seed: int = 0
    retry_after_s: float = 0.0
    slow_s: float = 1.0

    def of(self, number: int) -> str | None:
        """The fault of request `number` (0 for the first); None: it is answered."""
        if number < len(self.plan):
            return self.plan[number]
        dice = random.Random(f"{self.seed}-{number}")  # noqa: S311 - reproducible faults
        return dice.choice(list(self.kinds)) if dice.random() < self.rate else None


NO_FAULTS = Faults()
