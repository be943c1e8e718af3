"""Addresses of this machine, and requests to them, which never go through a proxy of the environment."""

import ipaddress
import os
from urllib.parse import urlsplit

_HOSTS = ("127.0.0.1", "localhost", "::1")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def is_loopback(host: str) -> bool:
    """Whether a bind address is only reachable from this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_loopback_url(url: str) -> bool:
    """Whether a URL leads to this machine."""
    return is_loopback(urlsplit(url).hostname or "")


def exempt_loopback_from_proxies() -> None:
    """Add the loopback addresses to `NO_PROXY` and `no_proxy`, for all HTTP clients of this process and its children.

    Called by entry points. A proxy cannot reach a server on this machine, and must not see what is sent to one.
    Without a proxy in the environment nothing is changed: on macOS the variable would switch the system's proxies off.
    """
    if not any(os.environ.get(name) or os.environ.get(name.upper()) for name in _PROXIES):
        return
    lower, upper = os.environ.get("no_proxy", ""), os.environ.get("NO_PROXY", "")
    # Clients look at the one or the other first.
    for name, own, other in (("no_proxy", lower, upper), ("NO_PROXY", upper, lower)):
        hosts = [host.strip() for host in (own or other).split(",") if host.strip()]
        if "*" not in hosts:
            os.environ[name] = ",".join([*hosts, *(host for host in _HOSTS if host not in hosts)])
