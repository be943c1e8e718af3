"""Errors in one line, without the passwords that addresses in them may hold."""

import re
from collections.abc import Iterator

import sqlalchemy.exc


def reason_of(error: BaseException) -> str:
    """The error that began it, in one line."""
    first = list(causes_of(error))[-1]
    lines = [line.strip() for line in str(first).splitlines() if line.strip()]
    return f"{type(first).__name__}: {without_password(lines[0]) if lines else ''}"[:400]


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """`error`, what it was raised from, and so on; drivers' own errors are left to SQLAlchemy's, which say the same."""
    while error is not None:
        yield error
        error = None if isinstance(error, sqlalchemy.exc.DBAPIError) else error.__cause__


def without_password(text: str) -> str:
    """`text` with the user and password of every URL in it left out."""
    return re.sub(r"://[^/@\s]+@", "://…@", text)
