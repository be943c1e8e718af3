"""An HTTP server of a few lines, for what is asked of services that no test can have."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from typing_extensions import override


class Answers(BaseHTTPRequestHandler):
    """What a server answers; it says nothing on stderr."""

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def answering(answers: type[Answers]) -> Iterator[str]:
    """A server on loopback that answers so; gives its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
