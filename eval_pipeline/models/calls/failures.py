"""Kinds of failure of a model call, and how long the provider asks to be left alone.

LangGraph's `default_retry_on` retries neither time-outs (`TimeoutError` is an `OSError`) nor a 429 of httpx or
requests; the table here is our own.
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
    """What a failed call says about the next one."""

    OVERLOADED = "overloaded"
    """Too many calls (429, 529): again, later, and fewer at once."""
    TRANSIENT = "transient"
    """A mishap (5xx, 408, a cut or garbled answer, a time-out): again."""
    UNREACHABLE = "unreachable"
    """Nobody listens there: again, but not for long if nobody ever did."""
    REFUSED = "refused"
    """The key is refused, or what it may spend is spent (401, 403, quota): never again in this run."""
    UNKNOWN_MODEL = "unknown model"
    """The provider has no such model (404): never again in this run."""
    OTHER = "other"
    """This call was wrong (400, a context too long), or the failure is no provider's."""

    @property
    def retryable(self) -> bool:
        """Whether the same call can succeed later."""
        return self in (FailureKind.OVERLOADED, FailureKind.TRANSIENT, FailureKind.UNREACHABLE)


_OVERLOADED_STATUS = frozenset({429, 529})
_TRANSIENT_STATUS = frozenset({408, 409, 425})
"""409 is what OpenAI and Anthropic say of a lock they did not get in time; their SDKs retry it as well."""
_QUOTA = ("insufficient_quota", "billing_hard_limit_reached", "credit balance is too low")
_THROTTLED = ("rate_limit", "overloaded", "ThrottlingException", "TooManyRequests", "RESOURCE_EXHAUSTED")
_MISHAP = ("server_error", "internal_error", "api_error", "timeout_error", "ServiceUnavailable", "InternalServer")

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
"""What LangChain says, in a plain ValueError, of a stream that was none."""


def kind_of(error: BaseException) -> FailureKind:
    """The kind of what a model call raised."""
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
        # An error in the middle of a stream, or of AWS, has no status; its body says what it is.
        if any(word in text for word in _THROTTLED):
            return FailureKind.OVERLOADED
        if any(word in text for word in _MISHAP):
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
    """Seconds to wait, where the provider says so: `retry-after-ms`, or `Retry-After` in seconds or as a date.

    See RFC 9110, section 10.2.3.
    """
    headers = getattr(getattr(error, "response", None), "headers", None)
    if not isinstance(headers, Mapping):
        return None
    milliseconds, said = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds is not None:
            return max(0.0, float(milliseconds) / 1000)
        return None if said is None else max(0.0, float(said))
    except ValueError:
        return _seconds_until(str(said))


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
                fix="see that the network is up and that `base_url` is right",
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
    if status in (401, 403) or any(word in text for word in _QUOTA):
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
    said = "" if body is None else json.dumps(body, default=text_of)
    return f"{text_of(error)} {said} {getattr(error, 'code', '') or ''}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error`, what caused it, and so on; each once."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__


def _seconds_until(date: str) -> float | None:
    try:
        moment: Any = email.utils.parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return max(0.0, float((moment - dt.datetime.now(tz=dt.UTC)).total_seconds()))
