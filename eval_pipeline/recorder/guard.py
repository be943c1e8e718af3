"""The recorder's middleware: the journal of requests, the content security policy, and error answers."""

import asyncio

import orjson
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eval_pipeline.recorder.store.journal import Journal

_CREDENTIAL_HEADERS = frozenset({"x-api-key", "authorization", "cookie"})
CONTENT_SECURITY_POLICY = (
    # Pages need one style sheet and one script, which reads pages again and follows a running experiment.
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class JournalLayer:
    """ASGI middleware that copies writing requests to the journal."""

    def __init__(self, app: ASGIApp, journal: Journal, *, limit: int) -> None:
        self._app = app
        self._journal = journal
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add it to the journal."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        body = bytearray()
        status = 0

        async def tap() -> Message:
            message = await receive()
            if message["type"] == "http.request" and len(body) <= self._limit:
                body.extend(message.get("body", b""))
            return message

        async def send_and_note(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self._app(scope, tap, send_and_note)
        headers = {name: value for name, value in Headers(scope=scope).items() if name not in _CREDENTIAL_HEADERS}
        query = scope["query_string"].decode()
        path = f"{scope['path']}?{query}" if query else scope["path"]
        self._journal.add(method=scope["method"], path=path, headers=headers, body=bytes(body), status=status)


def refusal_response(status: int, body: dict[str, object]) -> Response:
    """A JSON answer with an error status."""
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")


class LargeBodies:
    """Lets few requests with large bodies be decompressed and handled at once, so that bombs cannot add up.

    `read_body` asks for a place by `scope["large_body"]`; it is given back when the request is answered.
    """

    def __init__(self, app: ASGIApp, *, at_once: int = 2) -> None:
        self._app, self._places = app, asyncio.Semaphore(at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        taken = False

        async def take() -> None:
            nonlocal taken
            if not taken:
                await self._places.acquire()
                taken = True

        scope["large_body"] = take
        try:
            await self._app(scope, receive, send)
        finally:
            if taken:
                self._places.release()


class WithoutTrailingSlash:
    """Serves `/repos/` as `/repos`: the SDK's asynchronous client and that of JavaScript send the slash."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http" and scope["path"].endswith("/") and scope["path"] != "/":
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        await self._app(scope, receive, send)
