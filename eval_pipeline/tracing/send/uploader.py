"""Upload queued items to one server, and report of each whether it arrived."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from eval_pipeline.langsmith.circuit_breaker import CircuitBreaker
from eval_pipeline.langsmith.connection import Connection, ServerResponse
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.tracing.send.queued_item import OF_RUNS, QueuedItem, encode_frame, frames

_log = logger_of(__name__)

_CONFLICT = 409
"""The server has the item already."""
_OF_THE_SERVER = frozenset({401, 403, 404, 405, 408, 421, 425, 429})
"""4xx that are no judgement of what was sent."""
_NOT_FOUND = 404
"""Of a single feedback or request it is one: what it refers to does not exist."""
_FIRST_SERVER_ERROR = 500
_SHORTEST_TIMEOUT_S = 0.5


@dataclass(kw_only=True)
class UploadResult:
    """What became of some items."""

    sent: list[QueuedItem] = field(default_factory=list)
    postponed: list[QueuedItem] = field(default_factory=list)
    """The server could not take them now."""
    refused: list[QueuedItem] = field(default_factory=list)
    """The server refuses them, each by itself."""
    requests: int = 0
    bytes_sent: int = 0
    errors: int = 0
    reason: str | None = None
    """Why something was postponed or refused, the last time."""


OnResult = Callable[[UploadResult], None]


class Uploader:
    """Uploads to one server, from one thread at a time.

    It has a circuit breaker of its own beside the connection's, so that a failing upload keeps no other request from
    being made.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        batch_size: int,
        until: float = math.inf,
        on_result: OnResult | None = None,
    ) -> None:
        """Upload to one server.

        Args:
            connection: to the server.
            batch_size: the most items of one request.
            until: on the monotonic clock; what was not uploaded by then is postponed.
            on_result: called with the result of each upload; must not raise.
        """
        self._on_result = on_result
        self.connection = connection
        self.breaker = CircuitBreaker()
        self._until = until
        self._batch_size = batch_size
        self._logged: set[str] = set()

    @property
    def paused(self) -> bool:
        """Whether nothing is uploaded now: the server failed a moment ago, or the time is up."""
        return self.breaker.is_open or time.monotonic() >= self._until

    @property
    def _timeout_s(self) -> float | None:
        """How long a request may take, so that it does not outlast the time; None for the connection's own limit."""
        if math.isinf(self._until):
            return None
        return min(self.connection.request_timeout_s, max(_SHORTEST_TIMEOUT_S, self._until - time.monotonic()))

    def upload(self, items: Sequence[QueuedItem]) -> UploadResult:
        """Upload items; never raises for what the server or the network does."""
        result = self._uploaded(items)
        if self._on_result is not None:
            self._on_result(result)
        return result

    def _uploaded(self, items: Sequence[QueuedItem]) -> UploadResult:
        result = UploadResult()
        if self.paused:
            result.postponed.extend(items)
            return result
        for item in items:
            if item.kind == "request":
                self._upload_request(item, result)
        # Asked once: a server that answers `/info` only in between would else have items in neither list.
        feedback_in_frames = any(item.kind == "feedback" for item in items) and self.connection.feedback_in_frames
        in_frames: list[QueuedItem] = []
        alone: list[QueuedItem] = []
        for item in items:
            # A score of a whole experiment has no run to travel with.
            if item.kind in OF_RUNS or (item.kind == "feedback" and feedback_in_frames and item.trace_id is not None):
                in_frames.append(item)
            elif item.kind == "feedback":
                alone.append(item)
        limit = self.connection.max_frame_bytes if in_frames else 0
        most = min(self._batch_size, self.connection.max_frame_items) if in_frames else self._batch_size
        for frame in frames(in_frames, most=most, max_bytes=limit):
            self._upload_frame(frame, result)
        for item in alone:
            self._upload_feedback(item, result)
        return result

    def _upload_frame(self, frame: list[QueuedItem], result: UploadResult) -> None:
        if self.paused:
            result.postponed.extend(frame)
            return
        body, headers = encode_frame(frame, compress=self.connection.takes_zstd)
        response, repeated = self._post("/runs/multipart", body, headers, result, graft=frame[0].graft)
        if response.ok or (response.status == _CONFLICT and (repeated or len(frame) == 1)):
            self._succeeded(frame, result, len(body))
        elif self._is_about_the_server(response):
            self._postponed(frame, response, result)
        elif len(frame) == 1:
            self._refused(frame[0], response, result)
        else:
            # One bad run makes the server refuse its whole frame: halve until it stands alone. Also on 409, since it
            # is not published whether the rest of the frame is stored then.
            middle = len(frame) // 2
            self._upload_frame(frame[:middle], result)
            self._upload_frame(frame[middle:], result)

    def _upload_request(self, item: QueuedItem, result: UploadResult) -> None:
        if self.paused:
            result.postponed.append(item)
            return
        body = item.payload["body"]
        result.requests += 1
        self._settle(item, self._request(item.head, body), result, len(body))

    def _request(self, head: Mapping[str, Any], body: bytes) -> ServerResponse:
        response = self.connection.request(
            head["method"], head["path"], data=body, params=head["params"], timeout_s=self._timeout_s
        )
        parts = orjson.loads(body) if response.status == _CONFLICT else None
        if not isinstance(parts, list) or len(parts) == 1:
            return response
        # The server has one of them already, and refuses the others with it.
        middle = len(parts) // 2
        halves = [self._request(head, orjson.dumps(half)) for half in (parts[:middle], parts[middle:])]
        return next((half for half in halves if not half.ok and half.status != _CONFLICT), halves[0])

    def _upload_feedback(self, item: QueuedItem, result: UploadResult) -> None:
        if self.paused:
            result.postponed.append(item)
            return
        body = orjson.dumps(item.head)
        response, _ = self._post("/feedback", body, {}, result)
        self._settle(item, response, result, len(body))

    def _settle(self, item: QueuedItem, response: ServerResponse, result: UploadResult, size: int) -> None:
        """Sort an item that was uploaded by itself by the response to it."""
        if response.ok or response.status == _CONFLICT:
            self._succeeded([item], result, size)
        elif self._is_about_the_server(response) and response.status != _NOT_FOUND:
            self._postponed([item], response, result)
        else:
            self._refused(item, response, result)

    def _post(
        self, path: str, body: bytes, headers: dict[str, str], result: UploadResult, *, graft: bool = False
    ) -> tuple[ServerResponse, bool]:
        """The response, and whether the same bytes may have arrived before."""
        for repeated in (False, True):
            result.requests += 1
            response = self.connection.request(
                "POST", path, data=body, headers=headers, graft=graft, timeout_s=self._timeout_s
            )
            if response.ok or response.status == _CONFLICT:
                return response, repeated
            result.errors += 1
            # A kept-alive connection breaks when the server restarts: repeat the request then, once, and only then.
            if response.status is not None or response.timed_out:
                return response, repeated
        return response, True

    @staticmethod
    def _is_about_the_server(response: ServerResponse) -> bool:
        return response.status is None or response.status in _OF_THE_SERVER or response.status >= _FIRST_SERVER_ERROR

    def _succeeded(self, items: list[QueuedItem], result: UploadResult, size: int) -> None:
        self.breaker.succeeded()
        self.connection.breaker.succeeded()
        result.sent.extend(items)
        result.bytes_sent += size

    def _postponed(self, items: list[QueuedItem], response: ServerResponse, result: UploadResult) -> None:
        self.breaker.back_off(response.retry_after_s)
        result.postponed.extend(items)
        result.reason = response.text
        if self.connection.breaker.report_outage():
            _log.warning("%s: %s; traces are spooled meanwhile", self.connection.destination.api_url, response.text)

    def _refused(self, item: QueuedItem, response: ServerResponse, result: UploadResult) -> None:
        result.refused.append(item.refused())
        result.reason = response.text
        message = f"{self.connection.destination.api_url} refuses a {item.kind}: {response.text}"
        if message[:120] not in self._logged:
            self._logged.add(message[:120])
            _log.warning("%s", message)
