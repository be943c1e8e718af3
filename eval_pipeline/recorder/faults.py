"""Simulated faults: delays, error statuses and broken connections that tests switch on."""

import asyncio
import re
import threading
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One simulated fault, for the next `times` requests that match.

    `delay_s` comes first. `status` answers without handling the request. `drop` breaks the connection: `"request"`
    before the request is handled, `"reply"` after it was handled and before a byte of the answer, `"half"` half-way
    through the answer; after the last two the client cannot know that the request was stored. `refuse` breaks the
    connection before a byte is read.
    """

    delay_s: float = 0.0
    status: int | None = None
    body: dict[str, Any] | None = None
    retry_after_s: int | None = None
    drop: Literal["request", "reply", "half"] | None = None
    refuse: bool = False
    method: str | None = None
    path: str | None = None
    """A regular expression searched for in the path; `refuse` ignores it, as it acts before there is a path."""
    times: int | None = 1
    """`None`: until `FaultPlan.clear`."""


class FaultPlan:
    """The faults that are switched on. Any thread may change it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[tuple[Fault, int | None]] = []
        self._connections: dict[Any, asyncio.Transport] = {}
        self.fired: list[tuple[str, Fault]] = []
        """`"METHOD /path"` and the fault, of each request that met one."""

    def add(self, fault: Fault) -> None:
        """Switch a fault on. Where several match a request, the earliest applies."""
        with self._lock:
            self._planned.append((fault, fault.times))

    def clear(self) -> None:
        """Switch all faults off."""
        with self._lock:
            self._planned.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that applies to this request, counting it down."""
        return self._take(
            f"{method} {path}",
            lambda fault: (
                not fault.refuse
                and fault.method in (None, method)
                and (fault.path is None or re.search(fault.path, path) is not None)
            ),
        )

    def take_refusal(self) -> bool:
        """Whether to break this connection before reading, counting the fault down."""
        return self._take("(connection)", lambda fault: fault.refuse) is not None

    def opened(self, transport: asyncio.Transport) -> None:
        """Register a new connection. ASGI has no way to break one."""
        self._connections[transport.get_extra_info("peername")] = transport

    def closed(self, transport: asyncio.Transport) -> None:
        """Unregister a closed connection."""
        self._connections.pop(transport.get_extra_info("peername"), None)

    def abort(self, client: tuple[str, int]) -> None:
        """Break the connection of this client (host, port)."""
        transport = self._connections.get(client)
        if transport is not None:
            transport.abort()

    def _take(self, what: str, matches: Any) -> Fault | None:
        with self._lock:
            for index, (fault, left) in enumerate(self._planned):
                if not matches(fault):
                    continue
                if left is None or left > 1:
                    self._planned[index] = (fault, None if left is None else left - 1)
                else:
                    del self._planned[index]
                self.fired.append((what, fault))
                return fault
        return None


class FaultLayer:
    """ASGI middleware, the outermost, that applies a fault plan."""

    def __init__(self, app: ASGIApp, plan: FaultPlan) -> None:
        self._app = app
        self._plan = plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with the fault that applies to it, or pass it on."""
        fault = self._plan.take(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if fault is None:
            await self._app(scope, receive, send)
            return
        await asyncio.sleep(fault.delay_s)
        if fault.drop is not None:
            await self._drop(fault.drop, scope, receive, send)
        elif fault.status is not None:
            await _drain(receive)
            await _answer(send, fault, fault.status)
        else:
            await self._app(scope, receive, send)

    async def _drop(self, what: str, scope: Scope, receive: Receive, send: Send) -> None:
        status = 202 if what == "request" else await _swallow(self._app, scope, receive)
        if what == "half":
            # An application that returns in the middle of its answer makes the server close the connection.
            await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"1000")]})
            await send({"type": "http.response.body", "body": b'{"half', "more_body": True})
        else:
            self._plan.abort(tuple(scope["client"]))
            while (await receive())["type"] != "http.disconnect":
                pass


async def _drain(receive: Receive) -> None:
    # A server that answers before the body is read makes clients see a broken pipe instead of the status.
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass


async def _answer(send: Send, fault: Fault, status: int) -> None:
    headers = [(b"content-type", b"application/json")]
    if fault.retry_after_s is not None:
        headers.append((b"retry-after", str(fault.retry_after_s).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps(fault.body or {"detail": f"fault {status}"})})


async def _swallow(app: ASGIApp, scope: Scope, receive: Receive) -> int:
    status = 200

    async def keep(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, keep)
    return status


def faulty_protocol(plan: FaultPlan) -> type[asyncio.Protocol]:
    """The HTTP protocol of uvicorn, whose connections break as the plan requires."""

    class FaultyProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # uvicorn chooses its base on import
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            plan.opened(transport)

        def data_received(self, data: bytes) -> None:
            if plan.take_refusal():
                self.transport.abort()
            else:
                super().data_received(data)

        def connection_lost(self, error: Exception | None) -> None:
            plan.closed(self.transport)
            super().connection_lost(error)

    return FaultyProtocol
