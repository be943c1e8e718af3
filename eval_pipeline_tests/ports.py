"""Ports that nobody has."""

import socket


def free_port() -> int:
    """A port of loopback that is free now; for programs that cannot be told to take any."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
