"""Who may speak to a server of ours, and the headers its answers carry.

A server is bound to loopback, or it demands a token.

Why a Host check on loopback: a web page of another origin can make its own name resolve to 127.0.0.1 (DNS rebinding)
and would then read everything; its requests still carry its own name. Why an Origin check, with a token as well: a page
of another origin may send forms anywhere, and a browser adds the password that it remembers; what it sends names its
origin.
"""

import base64
import binascii
import contextlib
import hmac
import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
}


def is_loopback(host: str) -> bool:
    """Whether a bind address is only reachable from this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class GuardLayer:
    """Refuses foreign Host headers (loopback), other origins' writes and missing tokens; adds the security headers."""

    def __init__(
        self, app: ASGIApp, *, loopback: bool, token: str | None, realm: str, content_security_policy: str
    ) -> None:
        """`token` None: any key will do, which is for servers bound to loopback only."""
        self._app = app
        self._loopback, self._token, self._realm = loopback, token, realm
        self._headers = {"content-security-policy": content_security_policy, **_SECURITY_HEADERS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it."""
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
    """The credentials a request offers: `x-api-key`, bearer token, Basic password."""
    found = [headers.get("x-api-key", "").encode()]
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found.append(value.strip().encode())
    elif scheme.lower() == "basic":
        with contextlib.suppress(binascii.Error):
            found.append(base64.b64decode(value).partition(b":")[2])
    return found
