"""What a check found."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from eval_pipeline.errors import EvalPipelineError, InfrastructureError

Health = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    """Which part, such as `store` or `database`."""
    health: Health
    message: str
    """What was found; without secrets."""
    fix: str | None = None
    """What to do, unless all is well."""


Check = Callable[[], Iterable[Finding]]


def ok(subject: str, message: str) -> Finding:
    """All is well."""
    return Finding(subject=subject, health="ok", message=message)


def warning(subject: str, message: str, *, fix: str) -> Finding:
    """It works, but will not do well."""
    return Finding(subject=subject, health="warning", message=message, fix=fix)


def failed(subject: str, message: str, *, fix: str) -> Finding:
    """Runs will fail."""
    return Finding(subject=subject, health="failed", message=message, fix=fix)


def findings_of(subject: str, check: Check) -> Iterator[Finding]:
    """What `check` finds; what it raises is a finding too, so that one broken part does not hide another."""
    try:
        yield from check()
    except InfrastructureError as error:
        yield failed(subject, error.message, fix=error.fix)
    except EvalPipelineError as error:
        yield failed(subject, str(error), fix="see the message")
    except Exception as error:  # noqa: BLE001 - whatever is wrong with this part, the others are still to be looked at
        reason = str(error).strip().splitlines()
        yield failed(subject, f"{type(error).__name__}: {reason[0] if reason else ''}"[:400], fix="see the message")
