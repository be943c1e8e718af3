"""Telling a refused model key, which no row should say, from everything else a target or a judge may raise.

Belongs here: that one rule. Does not belong here: retries, or other kinds of error.
"""

from eval_pipeline.errors import CredentialsError

_REFUSED = (401, 403)


def require_accepted_key(error: Exception) -> None:
    """Raise if `error` is a chat model's provider refusing the key.

    The providers' SDKs (openai, anthropic and those made after them) put the HTTP status on the exception itself; an
    agent's own HTTP calls fail with errors that have it on a response, and those are the agent's failures.

    Raises:
        CredentialsError: the provider said 401 or 403.
    """
    if getattr(error, "status_code", None) in _REFUSED:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CredentialsError(f"the model's provider refused the key: {reason}", fix="set a valid key") from error
