"""Who may speak to the recorder, and the headers its answers carry.

Belongs here: the Host check, the token, security headers, the wire journal's tap. Does not belong here: faults and
routes.

Why a Host check on loopback: a web page of another origin can make its own name resolve to 127.0.0.1 (DNS rebinding)
and would then read everything; its requests still carry its own name.
"""

import base64
import binascii
import contextlib
import hmac

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.store.journal import Journal

_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
_CREDENTIAL_HEADERS = frozenset({"x-api-key", "authorization", "cookie"})
_SECURITY_HEADERS = {
    # Pages need one stylesheet and nothing else: no script at all may run on them.
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
}


class GuardLayer:
    """Refuses foreign Host headers (loopback) and missing tokens, and adds the security headers."""

    def __init__(self, app: ASGIApp, config: RecorderConfig) -> None:
        self._app = app
        self._config = config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(Headers(scope=scope))
        if refusal is not None:
            await refusal(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _refusal(self, headers: Headers) -> Response | None:
        if self._config.loopback and host_name(headers.get("host", "")) not in _LOOPBACK_NAMES:
            return JSONResponse({"detail": "Host header is not a loopback name"}, status_code=421)
        token = self._config.token
        if token is not None and not any(hmac.compare_digest(token.encode(), key) for key in _keys(headers)):
            # Basic lets a browser ask for the token; SDKs send it as x-api-key.
            return JSONResponse(
                {"detail": "Invalid token"}, status_code=401, headers={"www-authenticate": 'Basic realm="recorder"'}
            )
        return None


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _keys(headers: Headers) -> list[bytes]:
    """The credentials a request offers: `x-api-key`, bearer token, Basic password."""
    found = [headers.get("x-api-key", "").encode()]
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found.append(value.strip().encode())
    elif scheme.lower() == "basic":
        with contextlib.suppress(binascii.Error):
            found.append(base64.b64decode(value).partition(b":")[2])
    return found


class JournalLayer:
    """Copies writing requests, as they came, to the journal."""

    def __init__(self, app: ASGIApp, journal: Journal, *, limit: int) -> None:
        self._app = app
        self._journal = journal
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, and write it down."""
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

        async def note(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self._app(scope, tap, note)
        headers = {name: value for name, value in Headers(scope=scope).items() if name not in _CREDENTIAL_HEADERS}
        query = scope["query_string"].decode()
        path = f"{scope['path']}?{query}" if query else scope["path"]
        self._journal.add(method=scope["method"], path=path, headers=headers, body=bytes(body), status=status)


def refusal_response(status: int, body: dict[str, object]) -> Response:
    """A JSON answer with an error status."""
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")
