"""The result of a check, and errors as one line without passwords."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import sqlalchemy.exc

from eval_pipeline.errors import EvalPipelineError, InfrastructureError, InputError

Health = Literal["ok", "warning", "failed"]
_LONGEST = 400


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of checking one thing."""

    subject: str
    """What was checked, such as `store` or `database`."""
    health: Health
    message: str
    """What the check observed, without secrets."""
    fix: str | None = None
    """What to do about it; None if `health` is `ok`."""


Check = Callable[[], Iterable[Finding]]


def ok(subject: str, message: str) -> Finding:
    """The subject is fine."""
    return Finding(subject=subject, health="ok", message=message)


def warning(subject: str, message: str, *, fix: str) -> Finding:
    """Runs work, but not as well as they should."""
    return Finding(subject=subject, health="warning", message=message, fix=fix)


def failed(subject: str, message: str, *, fix: str) -> Finding:
    """Runs will fail."""
    return Finding(subject=subject, health="failed", message=message, fix=fix)


def findings_of(subject: str, check: Check) -> Iterator[Finding]:
    """The findings of a check; an exception becomes a finding too, so that the other checks still run."""
    try:
        yield from check()
    except InfrastructureError as error:
        yield failed(subject, error.message, fix=error.fix)
    except InputError as error:
        for problem in error.problems:
            yield failed(subject, problem.what, fix=problem.fix)
    except EvalPipelineError as error:
        yield failed(subject, str(error), fix="see the message")
    except Exception as error:  # noqa: BLE001 - whatever this check raises, the others must run
        reason = str(error).strip().splitlines()
        yield failed(
            subject, f"{type(error).__name__}: {reason[0] if reason else ''}"[:_LONGEST], fix="see the message"
        )


def reason_of(error: BaseException) -> str:
    """The first cause of an error in one line, without passwords."""
    first = list(causes_of(error))[-1]
    lines = [line.strip() for line in str(first).splitlines() if line.strip()]
    return f"{type(first).__name__}: {without_password(lines[0]) if lines else ''}"[:_LONGEST]


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes, up to SQLAlchemy's error, which repeats that of the database driver."""
    while error is not None:
        yield error
        error = None if isinstance(error, sqlalchemy.exc.DBAPIError) else error.__cause__


def without_password(text: str) -> str:
    """The text with the user and password removed from every URL."""
    return re.sub(r"://[^/@\s]+@", "://…@", text)
