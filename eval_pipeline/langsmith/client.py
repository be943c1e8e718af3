"""A connection to one LangSmith server, through clients of its SDK that are this process's own.

A client inherited through a fork sends nothing and hangs in `flush`; whoever holds a connection makes a new one when
the process id has changed.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson
import requests
from langsmith import Client
from langsmith.utils import LangSmithError
from urllib3.util import Retry

from eval_pipeline.errors import CredentialsError
from eval_pipeline.langsmith.urls import WebUrls
from eval_pipeline.settings import Destination, LangSmithSettings
from eval_pipeline.tracing.send.away import AWAY
from eval_pipeline.tracing.send.circuit_breaker import PATIENCE
from eval_pipeline.tracing.send.spool import why_not_writable

_REFUSED_KEY = frozenset({401, 403})
_OK = range(200, 300)
_FALLBACK_LIMIT = 20 * 1024 * 1024
_UNKNOWN_TENANT = "-"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of one request."""

    status: int | None
    """None: no answer, or none in time."""
    body: bytes = b""
    retry_after_s: float | None = None
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.status is not None and self.status in _OK

    @property
    def text(self) -> str:
        """What to say of a failure."""
        return f"{self.status or 'no answer'} {self.body[:300].decode('utf-8', 'replace')}".strip()

    def json(self) -> Any:
        """The answer's body."""
        return orjson.loads(self.body)


class Connection:
    """One server, as this process reaches it."""

    def __init__(
        self,
        destination: Destination,
        settings: LangSmithSettings,
        *,
        on_error: Callable[[Exception], None] | None = None,
        insists: bool = False,
    ) -> None:
        """`insists`: also ask a server that did not answer in time a moment ago."""
        self.destination = destination
        self.pid = os.getpid()
        self._settings = settings
        self._on_error = on_error
        self._insists = insists
        self._clients: list[Client] = []
        self._info: dict[str, Any] | None = None
        self._why_not = ""

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
    ) -> Answer:
        """One request, once. Never raises for what the server or the network does."""
        server = self.destination.api_url
        if not self._insists and PATIENCE.is_over(server):
            return Answer(status=None, body=b"did not answer in time a moment ago", timed_out=True)
        client = self.graft_client if graft else self.client
        read = self._settings.request_timeout_seconds if timeout_s is None else timeout_s
        given: dict[str, Any] = {
            "headers": {"Content-Type": "application/json", **(headers or {})},
            "timeout": (min(self._settings.connect_timeout_seconds, read), read),
        }
        if data is not None:
            given["data"] = data
        if params is not None:
            given["params"] = dict(params)
        try:
            response = client.request_with_retries(method, path, request_kwargs=given)  # type: ignore[arg-type]
        except (LangSmithError, requests.RequestException) as error:
            answer = _answer_in(error)
        else:
            answer = Answer(status=response.status_code, body=response.content)
        if answer.timed_out:
            PATIENCE.waited(server, read)
        elif answer.status is not None:
            PATIENCE.answered(server)
        return answer

    def json(self, method: str, path: str, body: Any = None, **params: Any) -> Answer:
        """One request with a JSON body."""
        data = None if body is None else orjson.dumps(body)
        return self.request(method, path, data=data, params=params or None)

    @property
    def info(self) -> dict[str, Any]:
        """What the server says about itself; asked until it answers once, `{}` before that."""
        if self._info is None:
            answer = self.request("GET", "/info", timeout_s=min(3.0, self._settings.request_timeout_seconds))
            if not answer.ok:
                return {}
            self._info = answer.json()
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
        """Whether feedback may travel with runs."""
        parts = str(self.info.get("version", "0")).split(".")[:3]
        version = tuple(int(part) if part.isdigit() else 0 for part in parts)
        return version >= (0, 8, 10)

    @cached_property
    def tenant_id(self) -> str:
        """The workspace, which every URL names; `-` where the server did not say."""
        answer = self.request("GET", "/sessions", params={"limit": 1})
        found = answer.json() if answer.ok else []
        return str(found[0]["tenant_id"]) if found else _UNKNOWN_TENANT

    @property
    def urls(self) -> WebUrls:
        """The pages of this server."""
        return WebUrls(web_url=self.destination.web_url, tenant_id=self.tenant_id)

    def check(self) -> bool:
        """Whether the server can be reached and takes the key.

        Raises:
            CredentialsError: it refuses the key.
        """
        answer = self.request("GET", "/sessions", params={"limit": 1})
        if answer.status in _REFUSED_KEY:
            raise CredentialsError(
                f"{self.destination.api_url} refuses the API key ({answer.text})",
                fix="set LANGSMITH_API_KEY to a valid key of this region (LANGSMITH_WORKSPACE_ID for a key of an "
                "organisation), or trace to the recorder with EVAL_PIPELINE_TRACING=recorder",
            )
        if answer.ok and (found := answer.json()):
            self.__dict__["tenant_id"] = str(found[0]["tenant_id"])
        if answer.ok:
            AWAY.is_back(self.destination.api_url)
        else:
            self._why_not = answer.text
        return answer.ok

    @property
    def away(self) -> str:
        """What to say of a server that failed its `check`."""
        folder = self._settings.spool_folder
        unreached = f"{self.destination.api_url} cannot be reached ({self._why_not})"
        full = why_not_writable(folder)
        if full is not None:
            return (
                f"{unreached}, and the spool {folder} cannot be written ({full}): traces are lost until one of them "
                "can be used; afterwards `eval-pipeline run SUITE --resume` sends the rows that are missing"
            )
        return f"{unreached}: traces are kept in {folder} and sent by `eval-pipeline traces flush`"

    def close(self) -> None:
        """Let go of the sockets."""
        while self._clients:
            self._clients.pop().close(timeout=0)
        self.__dict__.pop("client", None)
        self.__dict__.pop("graft_client", None)

    def _make_client(self) -> Client:
        client = Client(
            api_url=self.destination.api_url,
            api_key=self.destination.api_key.get_secret_value() or None,
            web_url=self.destination.web_url,
            workspace_id=self._settings.workspace_id if self.destination.name == "langsmith" else None,
            timeout_ms=(
                int(self._settings.connect_timeout_seconds * 1000),
                int(self._settings.request_timeout_seconds * 1000),
            ),
            # Retries beneath would hide what happened, and hold up everything behind it for half a minute.
            retry_config=Retry(total=0, read=False),
            # This project queues, sends and spools by itself; no threads of the SDK's beside it.
            auto_batch_tracing=False,
            omit_traced_runtime_info=True,
            tracing_sampling_rate=1.0,
            tracing_error_callback=self._on_error,
            info=self._info,
        )
        self._clients.append(client)
        return client


def check_destinations(settings: LangSmithSettings) -> list[str]:
    """What is to be said at the start of a run: of each destination that cannot be reached, what becomes of its traces.

    Raises:
        CredentialsError: one refuses its key.
    """
    found = []
    for destination in settings.destinations:
        connection = Connection(destination, settings)
        try:
            if not connection.check():
                AWAY.is_news(destination.api_url)
                found.append(connection.away)
        finally:
            connection.close()
    return found


def _answer_in(error: BaseException) -> Answer:
    """What the server answered, from whatever the SDK made of it."""
    found: BaseException | None = error
    while found is not None:
        response = getattr(found, "response", None)
        if isinstance(response, requests.Response):
            after = response.headers.get("retry-after", "")
            wait = float(after) if after.isdigit() else None
            return Answer(status=response.status_code, body=response.content, retry_after_s=wait)
        if isinstance(found, requests.Timeout):
            return Answer(status=None, body=type(found).__name__.encode(), timed_out=True)
        found = found.__cause__ or found.__context__
    return Answer(status=None, body=type(error).__name__.encode())
