"""Kinds of failure of a model call, and how long the provider asks to wait.

LangGraph's `default_retry_on` retries neither time-outs (`TimeoutError` is an `OSError`) nor a 429 of httpx or
requests, so this package has a table of its own.
"""

import contextlib
import datetime as dt
import email.utils
import enum
import json
from collections.abc import Iterator, Mapping
from typing import Any

from eval_pipeline.errors import CredentialsError, PermanentError, TransientError
from eval_pipeline.telemetry.plain import text_of


class FailureKind(enum.Enum):
    """What a failed call means for the next one."""

    OVERLOADED = "overloaded"
    """Too many calls (429, 529): retry later, with fewer calls at once."""
    TRANSIENT = "transient"
    """A temporary failure (5xx, 408, a cut or garbled answer, a time-out): retry."""
    UNREACHABLE = "unreachable"
    """No server answers: retry, but only briefly if it never answered."""
    REFUSED = "refused"
    """The key is refused, or its quota is spent (401, 403): never retry in this run."""
    UNKNOWN_MODEL = "unknown model"
    """The provider has no such model (404): never retry in this run."""
    OTHER = "other"
    """This call is wrong (400, a context too long), or the failure is not the provider's."""

    @property
    def retryable(self) -> bool:
        """Whether the same call can succeed later."""
        return self in (FailureKind.OVERLOADED, FailureKind.TRANSIENT, FailureKind.UNREACHABLE)


_OVERLOADED_STATUS = frozenset({429, 529})
_TRANSIENT_STATUS = frozenset({408, 409, 425})
"""409 is the status of OpenAI and Anthropic for a lock that they did not get in time; their SDKs retry it as well."""
_QUOTA = ("insufficient_quota", "billing_hard_limit_reached", "credit balance is too low")
_THROTTLED = ("rate_limit", "overloaded", "ThrottlingException", "TooManyRequests", "RESOURCE_EXHAUSTED")
_TEMPORARY = ("server_error", "internal_error", "api_error", "timeout_error", "ServiceUnavailable", "InternalServer")

# By name, because providers bring HTTP libraries of their own: httpx, httpx2, requests, aiohttp, urllib3, botocore.
_NOT_CONNECTED = frozenset(
    {"ConnectError", "ConnectionRefusedError", "gaierror", "ClientConnectorError", "NewConnectionError",
     "EndpointConnectionError"}
)  # fmt: skip
_CUT_OR_SLOW = frozenset(
    {"APIConnectionError", "TransportError", "ConnectionError", "TimeoutError", "ClientPayloadError", "ProtocolError",
     "ServerDisconnectedError", "IncompleteReadError", "JSONDecodeError", "APIResponseValidationError", "Timeout"}
)  # fmt: skip

_EMPTY_STREAM = "No generation chunks were returned"
"""The message of LangChain's ValueError for a stream without chunks."""


def kind_of(error: BaseException) -> FailureKind:
    """The kind of an error that a model call raised."""
    text = _text(error)
    status = http_status(error)
    if status is not None:
        return _kind_of_status(status, text)
    names = {kind.__name__ for cause in _causes(error) for kind in type(cause).__mro__}
    if names & _NOT_CONNECTED:
        return FailureKind.UNREACHABLE
    if names & _CUT_OR_SLOW or _EMPTY_STREAM in text:
        return FailureKind.TRANSIENT
    if "APIError" in names or "ClientError" in names:
        # An error in the middle of a stream, or of AWS, has no status; its body has the kind.
        if any(part in text for part in _THROTTLED):
            return FailureKind.OVERLOADED
        if any(part in text for part in _TEMPORARY):
            return FailureKind.TRANSIENT
    return FailureKind.OTHER


def http_status(error: BaseException) -> int | None:
    """The HTTP status that `error` carries, on itself as SDKs put it, or on a response; None if it carries none."""
    for holder, name in ((error, "status_code"), (getattr(error, "response", None), "status_code"), (error, "code")):
        status = getattr(holder, name, None)
        if isinstance(status, int) and not isinstance(status, bool) and 400 <= status < 600:  # noqa: PLR2004 - HTTP's
            return int(status)
    return None


def retry_after(error: BaseException) -> float | None:
    """Seconds to wait, if the provider asks for it: `retry-after-ms`, or `Retry-After` in seconds or as a date.

    See RFC 9110, section 10.2.3.
    """
    headers = getattr(getattr(error, "response", None), "headers", None)
    if not isinstance(headers, Mapping):
        return None
    milliseconds, seconds_or_date = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds is not None:
            return max(0.0, float(milliseconds) / 1000)
        return None if seconds_or_date is None else max(0.0, float(seconds_or_date))
    except ValueError:
        return _seconds_until(str(seconds_or_date))


def fatal_error(error: BaseException, *, kind: FailureKind, model: str) -> PermanentError | TransientError | None:
    """Our own error where no call to `model` can succeed in this run; None where the next may."""
    lines = text_of(error).splitlines()
    reason = lines[0] if lines else type(error).__name__
    match kind:
        case FailureKind.REFUSED:
            return CredentialsError(f"the model's provider refused the key: {reason}", fix="set a valid key")
        case FailureKind.UNKNOWN_MODEL:
            return PermanentError(f"the provider has no model {model!r}: {reason}", fix="correct the model's name")
        case FailureKind.UNREACHABLE:
            deepest = list(_causes(error))[-1]
            return TransientError(
                f"the provider of {model!r} cannot be reached: {reason} ({deepest})",
                fix="check the network and `base_url`",
            )
    return None


@contextlib.contextmanager
def fatal_model_errors(model: str) -> Iterator[None]:
    """Within it, failures that no other call to `model` can avoid are errors of ours.

    Raises:
        InfrastructureError: instead of what the provider's SDK raised.
    """
    try:
        yield
    except Exception as error:
        fatal = fatal_error(error, kind=kind_of(error), model=model)
        if fatal is None:
            raise
        raise fatal from error


def require_accepted_key(error: Exception) -> None:
    """Raise if `error` says that the provider of a chat model refuses the key, or has no such model.

    Every further call would fail in the same way, so this is no result of a case. The providers' SDKs (openai,
    anthropic and those made after them) put the HTTP status on the exception itself. An agent's own HTTP calls fail
    with errors that have it on a response, and those are the agent's failures.

    Raises:
        CredentialsError: the provider answered 401 or 403, or the quota is spent.
        PermanentError: the provider answered 404 for a model.
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


def _kind_of_status(status: int, text: str) -> FailureKind:
    if status in (401, 403) or any(part in text for part in _QUOTA):
        return FailureKind.REFUSED
    if status == 404 and "model" in text.lower():  # noqa: PLR2004 - HTTP's
        return FailureKind.UNKNOWN_MODEL
    if status in _OVERLOADED_STATUS or "overloaded" in text:
        return FailureKind.OVERLOADED
    if status in _TRANSIENT_STATUS or status >= 500:  # noqa: PLR2004 - HTTP's
        return FailureKind.TRANSIENT
    return FailureKind.OTHER


def _text(error: BaseException) -> str:
    body = getattr(error, "body", None)
    shown_body = "" if body is None else json.dumps(body, default=text_of)
    return f"{text_of(error)} {shown_body} {getattr(error, 'code', '') or ''}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error`, what caused it, and so on; each once."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _seconds_until(date: str) -> float | None:
    try:
        moment: Any = email.utils.parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return max(0.0, float((moment - dt.datetime.now(tz=dt.UTC)).total_seconds()))
