"""The HTTP errors that LangSmith answers, as exceptions."""

from typing import Any

from eval_pipeline.errors import EvalPipelineError


class ErrorResponse(EvalPipelineError):  # noqa: N818 - named for the answer
    """A request that is answered with an error status.

    `status` is the HTTP status, `body` the JSON answer. LangSmith has two shapes: `{"detail": …}` from its Python
    endpoints and `{"error": …}` from its Go endpoints (tracing ingestion); each rule keeps the published one.
    """

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status = status
        self.body = body
        super().__init__(f"{status}: {body}")


def not_found(what: str) -> ErrorResponse:
    """404 as the Python endpoints word it."""
    return ErrorResponse(404, {"detail": f"{what} not found"})


def conflict(message: str) -> ErrorResponse:
    """409 as the Python endpoints word it."""
    return ErrorResponse(409, {"detail": message})


def unprocessable(message: str) -> ErrorResponse:
    """422 as the Go endpoints word it."""
    return ErrorResponse(422, {"error": f"Unprocessable entity: {message}"})


def too_large(message: str) -> ErrorResponse:
    """413; see langsmith-sdk#1506."""
    return ErrorResponse(413, {"error": f"Payload too large: {message}"})
