"""Translates this project's errors to Dagster's."""

import contextlib
import traceback
from collections.abc import Iterator

import dagster as dg

from eval_pipeline.errors import EvalPipelineError, InputError
from eval_pipeline.redaction.logs import displayable


class RedactedError(Exception):
    """Replaces an error whose text contains personal data or secrets; its message is the redacted text."""


@contextlib.contextmanager
def errors_as_failures() -> Iterator[None]:
    """Turn an `EvalPipelineError` into a `dg.Failure` with the fix; Dagster retries it only if that can help.

    Dagster stores the text of errors and their causes, so the text of every error is redacted here.
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
        raise dg.Failure(description, metadata=metadata, allow_retries=error.retryable) from _redacted(error)
    except Exception as error:
        redacted = _redacted(error)
        if redacted is error:
            raise
        raise redacted from None


def _redacted(error: Exception) -> Exception:
    """The error itself if there is nothing to redact in its traceback, else a `RedactedError`."""
    original = "".join(traceback.format_exception(error))
    text = displayable(original)
    return error if text == original else RedactedError(f"{type(error).__name__}: {displayable(str(error))}\n\n{text}")
