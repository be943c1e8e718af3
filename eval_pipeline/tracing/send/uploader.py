"""Bringing parcels to one server, knowing of each whether it got there."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from eval_pipeline.langsmith.client import Answer, Connection
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.tracing.send.away import AWAY
from eval_pipeline.tracing.send.queued_item import Parcel, encode_frame, frames

_log = logger_of(__name__)

_THERE = 409
_OF_THE_SERVER = frozenset({401, 403, 404, 405, 408, 421, 425, 429})
"""4xx that say nothing about what was sent."""
_NOT_FOUND = 404
"""For a single feedback or request it does: what it is about is not there."""
_FIRST_SERVER_ERROR = 500
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0


@dataclass(kw_only=True)
class Delivery:
    """What became of some parcels."""

    sent: list[Parcel] = field(default_factory=list)
    put_off: list[Parcel] = field(default_factory=list)
    """The server could not take them now."""
    refused: list[Parcel] = field(default_factory=list)
    """The server will not take them, each by itself."""
    requests: int = 0
    bytes_sent: int = 0
    errors: int = 0


class Courier:
    """Of one server, for one thread."""

    def __init__(self, connection: Connection, *, batch_size: int, until: float = math.inf) -> None:
        """`until`, on the monotonic clock: what was not brought by then is put off."""
        self.connection = connection
        self._until = until
        self._batch_size = batch_size
        self._rested_at = 0.0
        self._wait_s = _FIRST_WAIT_S
        self._said: set[str] = set()

    @property
    def resting(self) -> bool:
        """Whether the server failed a moment ago and is left alone, or the time is up."""
        return not self._rested_at <= time.monotonic() < self._until

    def wake(self) -> None:
        """Try the server again at once."""
        self._rested_at = 0.0

    def deliver(self, parcels: Sequence[Parcel]) -> Delivery:
        """Bring parcels; never raises for what the server or the network does."""
        delivery = Delivery()
        if self.resting:
            delivery.put_off.extend(parcels)
            return delivery
        for parcel in parcels:
            if parcel.kind == "request":
                self._bring_request(parcel, delivery)
        in_frames = [parcel for parcel in parcels if self._fits_a_frame(parcel)]
        alone = [parcel for parcel in parcels if parcel.kind == "feedback" and not self._fits_a_frame(parcel)]
        limit = self.connection.max_frame_bytes if in_frames else 0
        most = min(self._batch_size, self.connection.max_frame_items) if in_frames else self._batch_size
        for frame in frames(in_frames, most=most, max_bytes=limit):
            self._bring(frame, delivery)
        for parcel in alone:
            self._bring_feedback(parcel, delivery)
        return delivery

    def _fits_a_frame(self, parcel: Parcel) -> bool:
        if parcel.kind != "feedback":
            return parcel.kind == "run"
        # A score of a whole experiment has no run to travel with.
        return parcel.trace_id is not None and self.connection.feedback_in_frames

    def _bring(self, frame: list[Parcel], delivery: Delivery) -> None:
        if self.resting:
            delivery.put_off.extend(frame)
            return
        body, headers = encode_frame(frame, compress=self.connection.takes_zstd)
        answer, again = self._post("/runs/multipart", body, headers, delivery, graft=frame[0].graft)
        if answer.ok or (answer.status == _THERE and (again or len(frame) == 1)):
            self._succeeded(frame, delivery, len(body))
        elif self._is_about_the_server(answer):
            self._put_off(frame, answer, delivery)
        elif len(frame) == 1:
            self._refused(frame[0], answer, delivery)
        else:
            # One bad run refuses its whole frame: halve until it stands alone. Also when some of a frame is said to
            # be there already, since nobody publishes whether the others were then taken.
            middle = len(frame) // 2
            self._bring(frame[:middle], delivery)
            self._bring(frame[middle:], delivery)

    def _bring_request(self, parcel: Parcel, delivery: Delivery) -> None:
        if self.resting:
            delivery.put_off.append(parcel)
            return
        head, body = parcel.head, parcel.payload["body"]
        delivery.requests += 1
        answer = self._request(head, body)
        if answer.ok or answer.status == _THERE:
            self._succeeded([parcel], delivery, len(body))
        elif self._is_about_the_server(answer) and answer.status != _NOT_FOUND:
            self._put_off([parcel], answer, delivery)
        else:
            self._refused(parcel, answer, delivery)

    def _request(self, head: Mapping[str, Any], body: bytes) -> Answer:
        answer = self.connection.request(head["method"], head["path"], data=body, params=head["params"])
        several = orjson.loads(body) if answer.status == _THERE else None
        if not isinstance(several, list) or len(several) == 1:
            return answer
        # One of them is there already, which keeps the others out.
        middle = len(several) // 2
        halves = [self._request(head, orjson.dumps(half)) for half in (several[:middle], several[middle:])]
        return next((half for half in halves if not half.ok and half.status != _THERE), halves[0])

    def _bring_feedback(self, parcel: Parcel, delivery: Delivery) -> None:
        if self.resting:
            delivery.put_off.append(parcel)
            return
        body = orjson.dumps(parcel.head)
        answer, _ = self._post("/feedback", body, {}, delivery)
        if answer.ok or answer.status == _THERE:
            self._succeeded([parcel], delivery, len(body))
        elif self._is_about_the_server(answer) and answer.status != _NOT_FOUND:
            self._put_off([parcel], answer, delivery)
        else:
            self._refused(parcel, answer, delivery)

    def _post(
        self, path: str, body: bytes, headers: dict[str, str], delivery: Delivery, *, graft: bool = False
    ) -> tuple[Answer, bool]:
        """The answer, and whether the same bytes may have arrived before."""
        for again in (False, True):
            delivery.requests += 1
            answer = self.connection.request("POST", path, data=body, headers=headers, graft=graft)
            if answer.ok or answer.status == _THERE:
                return answer, again
            delivery.errors += 1
            # A kept-alive connection breaks when the server restarts; once more is right then, and only then.
            if answer.status is not None or answer.timed_out:
                return answer, again
        return answer, True

    @staticmethod
    def _is_about_the_server(answer: Answer) -> bool:
        return answer.status is None or answer.status in _OF_THE_SERVER or answer.status >= _FIRST_SERVER_ERROR

    def _succeeded(self, frame: list[Parcel], delivery: Delivery, size: int) -> None:
        self._wait_s = _FIRST_WAIT_S
        AWAY.is_back(self.connection.destination.api_url)
        delivery.sent.extend(frame)
        delivery.bytes_sent += size

    def _put_off(self, frame: list[Parcel], answer: Answer, delivery: Delivery) -> None:
        wait = self._wait_s if answer.retry_after_s is None else min(answer.retry_after_s, _LONGEST_WAIT_S)
        self._rested_at = time.monotonic() + wait
        self._wait_s = min(self._wait_s * 2, _LONGEST_WAIT_S)
        delivery.put_off.extend(frame)
        server = self.connection.destination.api_url
        if AWAY.is_news(server):
            _log.warning("%s: %s; traces are spooled meanwhile", server, answer.text)

    def _refused(self, parcel: Parcel, answer: Answer, delivery: Delivery) -> None:
        delivery.refused.append(parcel.refused())
        self._say_once(f"{self.connection.destination.api_url} refuses a {parcel.kind}: {answer.text}")

    def _say_once(self, message: str) -> None:
        if message[:120] not in self._said:
            self._said.add(message[:120])
            _log.warning("%s", message)
