"""Ports of loopback for servers that cannot bind port 0 and report what they got, or that come back at their port."""

import contextlib
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """A port that is this test's alone while the context lasts.

    A socket holds it that is bound and does not listen. Linux gives such a port to no other process that binds port 0
    or connects, refuses connections to it, and lets a server bind it by its number, as both set SO_REUSEADDR.
    """
    with socket.socket() as reservation:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.bind(("127.0.0.1", 0))
        port: int = reservation.getsockname()[1]
        yield port
