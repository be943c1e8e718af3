"""Access to our HTTP servers: a bind address is loopback or needs a token, and each request is checked.

A web page of another origin can let its own name resolve to 127.0.0.1 (DNS rebinding) and would then read every answer;
its requests still carry its own name as their Host header, which is refused. It can also send forms to any address, to
which a browser adds a remembered password; such requests carry its Origin header, which is refused as well.
"""

import base64
import binascii
import contextlib
import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.serving.loopback import is_loopback

_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # without one, browsers send forms of our own pages with Origin: null
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
}


def require_token(host: str, token: str | None) -> None:
    """Refuse to serve other machines without a token.

    Raises:
        InputError: `host` is not loopback and there is no token.
    """
    if not is_loopback(host) and not token:
        message = f"{host} is reachable from outside this machine: a token is required"
        raise InputError(Problem(message=message, fix="give --token, or listen on 127.0.0.1", field="--host"))


class GuardLayer:
    """ASGI middleware that refuses foreign Host and Origin headers and wrong tokens, and adds the security headers."""

    def __init__(
        self, app: ASGIApp, *, loopback: bool, token: str | None, realm: str, content_security_policy: str
    ) -> None:
        """`loopback` checks the Host header; `token` None accepts any key, for servers on loopback only."""
        self._app = app
        self._loopback, self._token, self._realm = loopback, token, realm
        self._headers = {"content-security-policy": content_security_policy, **_SECURITY_HEADERS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope["method"], Headers(scope=scope))
        if refusal is not None:
            await refusal(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers: Headers) -> Response | None:
        if self._loopback and host_name(headers.get("host", "")) not in _LOOPBACK_NAMES:
            return JSONResponse({"detail": "Host header is not a loopback name"}, status_code=421)
        origin = headers.get("origin")
        if method not in _READING and origin is not None and urlsplit(origin).netloc != headers.get("host"):
            return JSONResponse({"detail": "a page of another origin may not write here"}, status_code=403)
        token = self._token
        if token is not None and not any(hmac.compare_digest(token.encode(), key) for key in _keys(headers)):
            # Basic lets a browser ask for the token; SDKs send it as x-api-key.
            return JSONResponse(
                {"detail": "Invalid token"},
                status_code=401,
                headers={"www-authenticate": f'Basic realm="{self._realm}"'},
            )
        return None


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _keys(headers: Headers) -> list[bytes]:
    """The keys a request offers: `x-api-key`, bearer token, Basic password."""
    keys = [headers.get("x-api-key", "").encode()]
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        keys.append(value.strip().encode())
    elif scheme.lower() == "basic":
        with contextlib.suppress(binascii.Error):
            keys.append(base64.b64decode(value).partition(b":")[2])
    return keys
