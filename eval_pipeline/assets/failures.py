"""The one translation from this project's errors to Dagster's.

Belongs here: what a failed step says and whether it is tried again. Does not belong here: errors of cases
(rows).
"""

import contextlib
from collections.abc import Iterator

import dagster as dg

from eval_pipeline.errors import EvalPipelineError, InputError


@contextlib.contextmanager
def errors_as_failures() -> Iterator[None]:
    """Turn an `EvalPipelineError` into a `dg.Failure` that says how to mend it; retried only if that can help."""
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
        raise dg.Failure(description=str(error), metadata=metadata, allow_retries=error.retryable) from error
