"""A LangSmith endpoint that recordings are forwarded to."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import httpx
import orjson

from eval_pipeline.recorder.errors import RecorderError
from eval_pipeline.serving.loopback import is_loopback_url

_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_ATTEMPTS = 5
_MAX_WAIT_S = 30.0


class EndpointError(RecorderError):
    """The endpoint does not answer, or failed every attempt."""

    retryable = True


class Endpoint:
    """An HTTP client of one endpoint, `https://api.smith.langchain.com` or another recorder's URL, that retries."""

    def __init__(
        self,
        api_url: str,
        headers: Mapping[str, str],
        *,
        timeout_s: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`headers` go with every request, such as `x-api-key`."""
        self._client = httpx.Client(
            base_url=api_url.rstrip("/"),
            headers=dict(headers),
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=not is_loopback_url(api_url),  # no proxy
        )
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def json(self, method: str, path: str, body: Any = None, **parameters: Any) -> tuple[int, Any]:
        """Send JSON. Returns the status and the parsed answer, whatever the status.

        Raises:
            EndpointError: There is no answer, or the last attempt ends with 408, 425, 429 or 5xx.
        """
        content = None if body is None else orjson.dumps(body)
        return self.send(method, path, content, {"content-type": "application/json"}, **parameters)

    def send(
        self, method: str, path: str, content: bytes | None, headers: Mapping[str, str], **parameters: Any
    ) -> tuple[int, Any]:
        """Send bytes; otherwise as `json`.

        Raises:
            EndpointError: As in `json`.
        """
        failure = ""
        for attempt in range(_ATTEMPTS):
            try:
                response = self._client.request(method, path, content=content, headers=dict(headers), params=parameters)
            except httpx.TransportError as error:
                failure, wait = repr(error), 0.5 * 2**attempt
            else:
                if response.status_code not in _RETRIED:
                    return response.status_code, _parsed(response)
                failure = f"{response.status_code} {response.text[:200]}"
                wait = _wait(response, attempt)
            if attempt + 1 < _ATTEMPTS:
                self._sleep(min(wait, _MAX_WAIT_S))
        raise EndpointError(f"{method} {path}: {failure}")


def _parsed(response: httpx.Response) -> Any:
    try:
        return orjson.loads(response.content or b"null")
    except orjson.JSONDecodeError:
        return response.text


def _wait(response: httpx.Response, attempt: int) -> float:
    after = response.headers.get("retry-after", "")
    return float(after) if after.isdigit() else 0.5 * 2**attempt
