"""Telling what makes every further model call pointless, which no row should say, from all else that may be raised."""

from eval_pipeline.models.calls.failures import FailureKind, fatal_error, http_status, kind_of


def require_accepted_key(error: Exception) -> None:
    """Raise if `error` is a chat model's provider refusing the key, or knowing no such model.

    The providers' SDKs (openai, anthropic and those made after them) put the HTTP status on the exception itself; an
    agent's own HTTP calls fail with errors that have it on a response, and those are the agent's failures.

    Raises:
        CredentialsError: the provider said 401 or 403, or that the quota is spent.
        PermanentError: the provider said 404 of a model.
    """
    kind = kind_of(error)
    own = getattr(error, "status_code", None)
    if own is None or own != http_status(error) or kind not in (FailureKind.REFUSED, FailureKind.UNKNOWN_MODEL):
        return
    body = getattr(error, "body", None)
    named = body.get("param") if isinstance(body, dict) else None
    fatal = fatal_error(error, kind=kind, model=str(named or "of that name"))
    assert fatal is not None
    raise fatal from error
