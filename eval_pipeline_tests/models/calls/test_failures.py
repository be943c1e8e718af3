"""Kinds of failure, of errors of real clients and of those of libraries that are not installed."""

import datetime as dt
import email.utils
import json
import socket
from collections.abc import Mapping
from typing import Any

import httpx
import httpx2
import openai
import pytest
from langgraph.types import RetryPolicy

from eval_pipeline.errors import CredentialsError, PermanentError, TransientError
from eval_pipeline.models.calls.failures import FailureKind, fatal_error, kind_of, retry_after

URL = "http://provider.test/v1"
REQUEST, SDK_REQUEST = httpx.Request("POST", URL), httpx2.Request("POST", URL)


def with_status(status: int, *, headers: Mapping[str, str] | None = None, **body: Any) -> httpx.HTTPStatusError:
    response = httpx.Response(status, headers=headers, request=REQUEST)
    return httpx.HTTPStatusError(f"{status} {json.dumps(body)}", request=REQUEST, response=response)


def caused_by(cause: Exception) -> Exception:
    error = openai.APIConnectionError(request=SDK_REQUEST)
    error.__cause__ = cause
    return error


KINDS = [
    (with_status(429), FailureKind.OVERLOADED),
    (with_status(529), FailureKind.OVERLOADED),
    (with_status(503, type="overloaded_error"), FailureKind.OVERLOADED),
    (with_status(429, code="insufficient_quota"), FailureKind.REFUSED),
    (with_status(401), FailureKind.REFUSED),
    (with_status(403), FailureKind.REFUSED),
    (with_status(404, message="The model `x` does not exist"), FailureKind.UNKNOWN_MODEL),
    (with_status(404, message="no such page"), FailureKind.OTHER),
    (with_status(400, code="context_length_exceeded"), FailureKind.OTHER),
    (with_status(422), FailureKind.OTHER),
    *((with_status(status), FailureKind.TRANSIENT) for status in (408, 409, 500, 502, 503, 504)),
    (TimeoutError("slow"), FailureKind.TRANSIENT),
    (httpx.ReadTimeout("slow"), FailureKind.TRANSIENT),
    (httpx.RemoteProtocolError("peer closed connection"), FailureKind.TRANSIENT),
    (ConnectionResetError("reset"), FailureKind.TRANSIENT),
    (caused_by(httpx.ReadError("cut")), FailureKind.TRANSIENT),
    (json.JSONDecodeError("garbled", "{", 1), FailureKind.TRANSIENT),
    (caused_by(httpx.ConnectError("refused")), FailureKind.UNREACHABLE),
    (ConnectionRefusedError("refused"), FailureKind.UNREACHABLE),
    (caused_by(socket.gaierror("no such host")), FailureKind.UNREACHABLE),
    (openai.APIError("try later", SDK_REQUEST, body={"type": "server_error"}), FailureKind.TRANSIENT),
    (openai.APIError("slow down", SDK_REQUEST, body={"code": "rate_limit_exceeded"}), FailureKind.OVERLOADED),
    (ValueError("429 is only a number here"), FailureKind.OTHER),
    (RuntimeError("overloaded operator"), FailureKind.OTHER),
]


@pytest.mark.parametrize(("error", "kind"), KINDS, ids=lambda value: str(value)[:40])
def test_errors_are_of_their_kind(error: Exception, kind: FailureKind) -> None:
    assert kind_of(error) is kind


def test_what_langgraph_does_not_retry_by_default_is_retried() -> None:
    for error in (TimeoutError(), with_status(429), with_status(408)):
        retries: Any = RetryPolicy().retry_on
        assert not retries(error)
        assert kind_of(error).retryable


def test_a_wrong_call_is_never_retried() -> None:
    for status in (400, 401, 403, 404, 422):
        assert not kind_of(with_status(status)).retryable


def test_the_time_to_wait_is_read_in_each_of_its_forms() -> None:
    later = dt.datetime.now(tz=dt.UTC) + dt.timedelta(seconds=30)
    date = email.utils.format_datetime(later, usegmt=True)
    assert retry_after(with_status(429, headers={"Retry-After": "7"})) == 7.0
    assert retry_after(with_status(429, headers={"retry-after-ms": "250", "Retry-After": "7"})) == 0.25
    assert retry_after(with_status(429, headers={"Retry-After": date})) == pytest.approx(30, abs=5)
    assert retry_after(with_status(429, headers={"Retry-After": "soon"})) is None
    assert retry_after(with_status(429, headers={"Retry-After": "-3"})) == 0.0
    assert retry_after(with_status(429)) is None
    assert retry_after(TimeoutError()) is None


def test_what_makes_every_call_pointless_is_an_error_of_ours_in_one_line() -> None:
    def fatal(error: Exception) -> Exception | None:
        return fatal_error(error, kind=kind_of(error), model="openai:x")

    assert isinstance(fatal(with_status(401)), CredentialsError)
    assert isinstance(fatal(with_status(404, message="no model")), PermanentError)
    assert isinstance(fatal(ConnectionRefusedError("refused\nby the host")), TransientError)
    assert "\n" not in str(fatal(ConnectionRefusedError("refused")))
    assert fatal(with_status(500)) is None
