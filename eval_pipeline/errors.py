"""The errors of this project, one hierarchy.

`.retryable` says whether a retry can help; `.exit_code` is the terminal's:

    EvalPipelineError
    ├── InputError                  exit 2  invalid input; carries every Problem
    └── InfrastructureError         exit 3  network, disk, credentials or a provider failed
        ├── TransientError                  a retry can help: store or model unreachable, time-out, rate limit
        └── PermanentError                  a retry cannot help
            ├── CredentialsError            a key was refused, or a permission is missing
            ├── CorruptDataError            stored data is damaged
            ├── ExperimentConflictError     a run tried to join an experiment that pins other inputs
            └── MissingUpstreamError        an asset that this one reads has not been materialized
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong with what the user wrote: where it is, what it is, how to mend it."""

    message: str
    fix: str
    file: Path | str | None = None
    line: int | None = None
    """1-based line in `file`, where the format has lines."""
    case: str | None = None
    field: str | None = None
    """Dotted path inside the document, such as `turns[0].assertions[1].value`."""

    def __str__(self) -> str:
        return self.shown(lambda text: text)

    def shown(self, redact: Callable[[str], str]) -> str:
        """The problem in one line; `redact` is applied to everything but the case's id."""
        fix = self.fix if self.fix.endswith("?") else f"{self.fix}."
        return f"{self._what(redact)}. {redact(f'Fix: {fix}')}"

    @property
    def what(self) -> str:
        """The place and the message, without the fix."""
        return self._what(lambda text: text)

    def _what(self, redact: Callable[[str], str]) -> str:
        place = ""
        if self.file is not None:
            place = f"{self.file}:{self.line}" if self.line else str(self.file)
        parts = [redact(place), f"case {self.case}" if self.case else "", redact(self.field or "")]
        where = " · ".join(part for part in parts if part)
        message = redact(self.message)
        return f"{where}: {message}" if where else message


class EvalPipelineError(Exception):
    """Base of every error this project raises."""

    retryable = False
    exit_code = 3


class InputError(EvalPipelineError):
    """What the user wrote cannot be used. `problems` holds all that was found, in the order of the files."""

    exit_code = 2

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class InfrastructureError(EvalPipelineError):
    """Network, disk, credentials or a provider failed. `fix` says what to do about it."""

    def __init__(self, message: str, *, fix: str) -> None:
        self.message, self.fix = message, fix
        super().__init__(f"{message}. Fix: {fix}.")

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions pickle by their positional arguments; `fix` is keyword-only.
        return _rebuild_infrastructure_error, (type(self), self.message, self.fix)


class TransientError(InfrastructureError):
    """A failure that a retry can fix."""

    retryable = True


class PermanentError(InfrastructureError):
    """A failure that a retry cannot fix: configuration or code must change."""


class CredentialsError(PermanentError):
    """A key was refused or a permission is missing."""


class CorruptDataError(PermanentError):
    """Stored data is damaged: its checksum differs, or it cannot be read."""


class ExperimentConflictError(PermanentError):
    """A run tried to join an experiment whose record pins other inputs."""


class MissingUpstreamError(PermanentError):
    """An asset that this one reads has not been materialized yet."""


def _rebuild_infrastructure_error(cls: type[InfrastructureError], message: str, fix: str) -> InfrastructureError:
    return cls(message, fix=fix)
