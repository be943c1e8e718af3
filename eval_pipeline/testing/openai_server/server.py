"""The server: HTTP on loopback, one thread a request."""

import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from eval_pipeline.testing.openai_server.faults import CUT, GARBLED, NO_FAULTS, SLOW, Faults, Refusal, refusal
from eval_pipeline.testing.openai_server.log import Entry, RequestLog
from eval_pipeline.testing.openai_server.wire import Answer, Said, error


@dataclass
class OpenAIServer:
    """What a running server was asked."""

    url: str
    log: RequestLog = field(default_factory=RequestLog)

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The bodies of all requests."""
        return [entry.body for entry in self.log.entries]


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How a server answers."""

    answer: Answer
    faults: Faults = NO_FAULTS
    key: str | None = None
    """The only key that is not refused; None: any."""
    models: Collection[str] | None = None
    """The models there are; None: all."""
    room: int | None = None
    """Requests at once beyond which it says 429; None: no limit."""
    latency_s: float = 0.0

    def refusal(self, body: Mapping[str, Any], *, key: str, fault: str | None, now: int) -> Refusal | None:
        """Why a request is refused; None if it is not."""
        if self.key is not None and key != f"Bearer {self.key}":
            return refusal("401")
        if self.models is not None and body.get("model") not in self.models:
            message = f"The model `{body.get('model')}` does not exist"
            return Refusal(status=404, body=error(message, code="model_not_found"))
        if self.room is not None and now > self.room:
            return refusal("429", retry_after_s=self.faults.retry_after_s)
        return None if fault is None else refusal(fault, retry_after_s=self.faults.retry_after_s)


@contextlib.contextmanager
def openai_server(
    answer: Answer,
    *,
    faults: Faults = NO_FAULTS,
    key: str | None = None,
    models: Collection[str] | None = None,
    room: int | None = None,
    latency_s: float = 0.0,
    port: int = 0,
) -> Iterator[OpenAIServer]:
    """A server that answers every request as `answer` says, but for `faults`; see `Behaviour` for the rest."""
    seen = OpenAIServer(url="")
    behaviour = Behaviour(answer=answer, faults=faults, key=key, models=models, room=room, latency_s=latency_s)
    handler = type("Handler", (_Handler,), {"behaviour": behaviour, "log": seen.log})
    server = _Server(("127.0.0.1", port), handler)
    seen.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that went away are no news; an answer that breaks is."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    behaviour: Behaviour
    log: RequestLog

    def setup(self) -> None:
        super().setup()
        # Without it small writes wait for the other side's acknowledgement.
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        number, entry, now = self.log.begin(body)
        try:
            self._answer(body, number=number, entry=entry, now=now)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            entry.ended = entry.ended or time.monotonic()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the standard library
        """Say nothing."""

    def _answer(self, body: dict[str, Any], *, number: int, entry: Entry, now: int) -> None:
        behaviour, fault = self.behaviour, self.behaviour.faults.of(number)
        refused = behaviour.refusal(body, key=self.headers.get("Authorization", ""), fault=fault, now=now)
        entry.fault = fault
        time.sleep(behaviour.latency_s + (behaviour.faults.slow_s if fault == SLOW else 0.0))
        if refused is None:
            answered = behaviour.answer(body)
            if isinstance(answered, int):
                refused = Refusal(status=answered, body=error("refused", code=str(answered)))
        if refused is not None:
            self._send(entry, refused.status, refused.body, headers=refused.headers)
        elif fault == GARBLED:
            self._send(entry, 200, b'{"id": "chatcmpl-1", "choi')
        else:
            said = Said.of(answered, number=number, model=str(body.get("model")))
            send = self._stream if body.get("stream") else self._whole
            send(entry, said, body, cut=fault == CUT)

    def _whole(self, entry: Entry, said: Said, body: Mapping[str, Any], *, cut: bool) -> None:
        del body
        self._send(entry, 200, said.completion(), cut=cut)

    def _send(
        self,
        entry: Entry,
        status: int,
        data: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        cut: bool = False,
    ) -> None:
        self._head(entry, status, {"Content-Length": str(len(data)), **(headers or {})})
        # Before the last byte, after which the client may ask again.
        entry.ended = time.monotonic()
        self.wfile.write(data[: len(data) // 2] if cut else data)
        self._end(cut=cut)

    def _stream(self, entry: Entry, said: Said, body: Mapping[str, Any], *, cut: bool) -> None:
        self._head(entry, 200, {"Transfer-Encoding": "chunked"}, kind="text/event-stream")
        events = list(said.events(with_usage=bool((body.get("stream_options") or {}).get("include_usage"))))
        for event in events[: len(events) // 2] if cut else events:
            self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        entry.ended = time.monotonic()
        if not cut:
            self.wfile.write(b"0\r\n\r\n")
        self._end(cut=cut)

    def _head(self, entry: Entry, status: int, headers: Mapping[str, str], *, kind: str = "application/json") -> None:
        entry.status = status
        self.send_response(status)
        # A connection that a client's pool keeps would outlive the event loop of its test.
        for name, value in {"Content-Type": kind, "Connection": "close", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _end(self, *, cut: bool) -> None:
        self.wfile.flush()
        if cut:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
