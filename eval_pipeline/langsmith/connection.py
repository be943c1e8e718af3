"""A connection to one LangSmith server, through SDK clients that belong to this process.

A client inherited through a fork sends nothing and hangs in `flush`; the holder of a connection makes a new one when
the process id has changed.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import orjson
import requests
from langsmith import Client
from langsmith.utils import LangSmithError
from urllib3.util import Retry

from eval_pipeline.errors import TransientError
from eval_pipeline.langsmith.circuit_breaker import CircuitBreaker, breaker_of
from eval_pipeline.langsmith.client import NO_RETRIES, make_client
from eval_pipeline.langsmith.errors import REFUSED_KEY, response_of, status_error
from eval_pipeline.langsmith.protocol.jsonable import json_bytes
from eval_pipeline.langsmith.urls import WebUrls
from eval_pipeline.settings import Destination, LangSmithSettings

_OK = range(200, 300)
_FALLBACK_LIMIT = 20 * 1024 * 1024
_INFO_TIMEOUT_S = 3.0
_UNKNOWN_TENANT = "-"


@dataclass(frozen=True, kw_only=True)
class ServerResponse:
    """The response to one request, or why there is none."""

    status: int | None
    """None: no response, or none in time."""
    body: bytes = b""
    retry_after_s: float | None = None
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        """Whether the request succeeded."""
        return self.status is not None and self.status in _OK

    @property
    def text(self) -> str:
        """Status and the beginning of the body, for messages about a failure."""
        return f"{self.status or 'no answer'} {self.body[:300].decode('utf-8', 'replace')}".strip()

    def json(self) -> Any:
        """The parsed body."""
        return orjson.loads(self.body)


class Connection:
    """One server, as this process reaches it. Close it, or use it in a `with`."""

    def __init__(
        self,
        destination: Destination,
        settings: LangSmithSettings,
        *,
        insists: bool = False,
        retries: Retry = NO_RETRIES,
    ) -> None:
        """`insists`: make requests also while the server's circuit breaker is open; `retries`: of each request."""
        self.destination = destination
        self.breaker: CircuitBreaker = breaker_of(destination.api_url)
        self._settings = settings
        self._insists = insists
        self._retries = retries
        self._clients: list[Client] = []
        self._info: dict[str, Any] | None = None

    def __enter__(self) -> Self:
        """Use the connection."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    @cached_property
    def client(self) -> Client:
        """The client for live runs, datasets, experiments and prompts."""
        return self._make_client()

    @cached_property
    def graft_client(self) -> Client:
        """The client for copies of shared runs."""
        return self._make_client()

    def request(
        self,
        method: str,
        path: str,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        graft: bool = False,
        timeout_s: float | None = None,
    ) -> ServerResponse:
        """Make one request, once. Never raises for what the server or the network does."""
        if self.breaker.is_open and not self._insists:
            return ServerResponse(status=None, body=b"did not answer in time a moment ago", timed_out=True)
        client = self.graft_client if graft else self.client
        read = self._settings.request_timeout_seconds if timeout_s is None else timeout_s
        arguments: dict[str, Any] = {
            "headers": {"Content-Type": "application/json", **(headers or {})},
            "timeout": (min(self._settings.connect_timeout_seconds, read), read),
        }
        if data is not None:
            arguments["data"] = data
        if params is not None:
            arguments["params"] = dict(params)
        try:
            answer = client.request_with_retries(method, path, request_kwargs=arguments)  # type: ignore[arg-type]
        except (LangSmithError, requests.RequestException) as error:
            response = _failed(error)
        else:
            response = ServerResponse(status=answer.status_code, body=answer.content)
        if response.timed_out:
            self.breaker.timed_out(read)
        elif response.status is not None:
            self.breaker.close()
        return response

    def json(self, method: str, path: str, body: Any = None, **params: Any) -> ServerResponse:
        """Make one request with a JSON body."""
        data = None if body is None else json_bytes(body)
        return self.request(method, path, data=data, params=params or None)

    @property
    def request_timeout_s(self) -> float:
        """The longest that a server may take to answer."""
        return self._settings.request_timeout_seconds

    @property
    def info(self) -> dict[str, Any]:
        """The server's `/info`, requested until it is answered once; `{}` before that."""
        if self._info is None:
            timeout_s = min(_INFO_TIMEOUT_S, self._settings.request_timeout_seconds)
            response = self.request("GET", "/info", timeout_s=timeout_s)
            if not response.ok:
                return {}
            self._info = response.json()
        return self._info

    @property
    def takes_zstd(self) -> bool:
        """Whether frames may be compressed."""
        return bool((self.info.get("instance_flags") or {}).get("zstd_compression_enabled"))

    @property
    def max_frame_bytes(self) -> int:
        """How large a frame may be, before compression."""
        return int((self.info.get("batch_ingest_config") or {}).get("size_limit_bytes") or _FALLBACK_LIMIT)

    @property
    def max_frame_items(self) -> int:
        """The most runs and feedback of one frame."""
        return int((self.info.get("batch_ingest_config") or {}).get("size_limit") or sys.maxsize)

    @property
    def feedback_in_frames(self) -> bool:
        """Whether feedback may travel in one frame with runs."""
        parts = str(self.info.get("version", "0")).split(".")[:3]
        version = tuple(int(part) if part.isdigit() else 0 for part in parts)
        return version >= (0, 8, 10)

    @cached_property
    def tenant_id(self) -> str:
        """The workspace, which every URL names; `-` where the server did not answer."""
        response = self.request("GET", "/sessions", params={"limit": 1})
        sessions = response.json() if response.ok else []
        return str(sessions[0]["tenant_id"]) if sessions else _UNKNOWN_TENANT

    @property
    def urls(self) -> WebUrls:
        """The pages of this server."""
        return WebUrls(web_url=self.destination.web_url, tenant_id=self.tenant_id)

    def check(self) -> ServerResponse:
        """Ask the server whether it is there and takes the key; the response is `ok` if so.

        Raises:
            CredentialsError: the server refuses the key.
        """
        response = self.request("GET", "/sessions", params={"limit": 1})
        if response.status in REFUSED_KEY:
            raise status_error(response.status, self.destination.api_url)
        if response.ok:
            self.breaker.succeeded()
            if sessions := response.json():
                self.__dict__["tenant_id"] = str(sessions[0]["tenant_id"])
        return response

    def unavailable(self, what: str) -> TransientError:
        """The error to raise when something cannot be prepared at the server; evaluating goes on without it."""
        return TransientError(
            f"{self.destination.api_url}: {what}", fix="try again; the evaluation itself does not need it"
        )

    def close(self) -> None:
        """Close the sockets."""
        while self._clients:
            self._clients.pop().close(timeout=0)
        self.__dict__.pop("client", None)
        self.__dict__.pop("graft_client", None)

    def _make_client(self) -> Client:
        client = make_client(self.destination, self._settings, retries=self._retries, info=self._info)
        self._clients.append(client)
        return client


def _failed(error: Exception) -> ServerResponse:
    """The server's response that the SDK raised as an error, or the reason that there is none."""
    if (response := response_of(error)) is not None:
        after = response.headers.get("retry-after", "")
        wait = float(after) if after.isdigit() else None
        return ServerResponse(status=response.status_code, body=response.content, retry_after_s=wait)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, requests.Timeout):
            return ServerResponse(status=None, body=type(cause).__name__.encode(), timed_out=True)
        cause = cause.__cause__ or cause.__context__
    return ServerResponse(status=None, body=type(error).__name__.encode())
