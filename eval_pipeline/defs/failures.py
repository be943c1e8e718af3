"""The one translation from this project's errors to Dagster's."""

import contextlib
import traceback
from collections.abc import Iterator

import dagster as dg

from eval_pipeline.errors import EvalPipelineError, InputError
from eval_pipeline.redaction.logs import displayable


class RedactedError(Exception):
    """Stands for an error whose text holds personal data or secrets; its own text is what is left of that one's."""


@contextlib.contextmanager
def errors_as_failures() -> Iterator[None]:
    """Turn an `EvalPipelineError` into a `dg.Failure` that says how to mend it; retried only if that can help.

    Dagster keeps what errors say, with their causes: of any error only what may be said gets out of here.
    """
    try:
        yield
    except EvalPipelineError as error:
        metadata: dict[str, str | bool | int] = {
            "error": type(error).__name__,
            "retryable": error.retryable,
            "exit_code": error.exit_code,
        }
        if isinstance(error, InputError):
            metadata["problems"] = len(error.problems)
        description = displayable(str(error))
        raise dg.Failure(description=description, metadata=metadata, allow_retries=error.retryable) from _sayable(error)
    except Exception as error:
        sayable = _sayable(error)
        if sayable is error:
            raise
        raise sayable from None


def _sayable(error: Exception) -> Exception:
    """The error itself, or one that says what may be said of it."""
    whole = "".join(traceback.format_exception(error))
    said = displayable(whole)
    return error if said == whole else RedactedError(f"{type(error).__name__}: {displayable(str(error))}\n\n{said}")
