"""What the recorder answers when it refuses a request, as exceptions."""

from typing import Any

from eval_pipeline.errors import EvalPipelineError


class RecorderError(EvalPipelineError):
    """Base of what the recorder raises."""


class Refusal(RecorderError):  # noqa: N818 - an answer, not a fault of ours
    """A request that is answered with an error status.

    `status` is the HTTP status, `body` the JSON answer. LangSmith has two shapes: `{"detail": …}` from its Python
    endpoints and `{"error": …}` from its Go endpoints (tracing ingestion); each rule keeps the published one.
    """

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status = status
        self.body = body
        super().__init__(f"{status}: {body}")


def not_found(what: str) -> Refusal:
    """404 as the Python endpoints word it."""
    return Refusal(404, {"detail": f"{what} not found"})


def conflict(message: str) -> Refusal:
    """409 as the Python endpoints word it."""
    return Refusal(409, {"detail": message})


def unprocessable(message: str) -> Refusal:
    """422 as the Go endpoints word it."""
    return Refusal(422, {"error": f"Unprocessable entity: {message}"})


def too_large(message: str) -> Refusal:
    """413; see langsmith-sdk#1506."""
    return Refusal(413, {"error": f"Payload too large: {message}"})
