"""Errors of the LangSmith SDK and of the network, as errors of this project."""

from requests import Response

from eval_pipeline.errors import CredentialsError, InfrastructureError, PermanentError, TransientError

REFUSED_KEY = frozenset({401, 403})
_CLIENT_ERRORS = range(400, 500)
_MAY_PASS = frozenset({408, 429})


def response_of(error: BaseException) -> Response | None:
    """The HTTP response behind an error, wherever in its chain of causes the SDK left it."""
    cause: BaseException | None = error
    while cause is not None:
        response = getattr(cause, "response", None)
        if isinstance(response, Response):
            return response
        cause = cause.__cause__ or cause.__context__
    return None


def server_error(error: Exception, what: str) -> InfrastructureError:
    """The error to raise for one of the SDK or the network; `what` says what could not be done."""
    response = response_of(error)
    return status_error(None if response is None else response.status_code, what)


def status_error(status: int | None, what: str) -> InfrastructureError:
    """The error to raise for a response's status, `None` if there was no response."""
    if status in REFUSED_KEY:
        fix = (
            "set LANGSMITH_API_KEY to a valid key of this region (and LANGSMITH_WORKSPACE_ID for an organisation's), "
            "or use the recorder with EVAL_PIPELINE_TRACING=recorder"
        )
        return CredentialsError(f"{what}: the server refuses the API key ({status})", fix=fix)
    if status in _CLIENT_ERRORS and status not in _MAY_PASS:
        return PermanentError(f"{what}: the server answers {status}", fix="see the server's log for the reason")
    reason = "it cannot be reached" if status is None else f"it answers {status}"
    return TransientError(f"{what}: {reason}", fix="try again when it is there (a recorder: `eval-pipeline recorder`)")
