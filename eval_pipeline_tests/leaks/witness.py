"""A server that records every request and answers as a recorder does."""

import contextlib
import gzip
import http.client
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import zstandard
from typing_extensions import override

from eval_pipeline.recorder.server import RecorderServer

_HOP = {"transfer-encoding", "connection", "content-length", "date", "server"}


@dataclass
class Witness:
    """A server and what it was asked."""

    url: str = ""
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    """Method and path with its query, and the body, decompressed."""

    @property
    def text(self) -> str:
        """Everything that it received."""
        return "\n".join(f"{what} {body.decode(errors='replace')}" for what, body in self.requests)


def _decompressed(body: bytes, encoding: str | None) -> bytes:
    if encoding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    return gzip.decompress(body) if encoding == "gzip" else body


@contextlib.contextmanager
def witness() -> Iterator[Witness]:
    """A running one."""
    seen = Witness()
    with RecorderServer() as recorder:
        behind = urlsplit(recorder.url)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            @override
            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

            def _forward(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                seen.requests.append(
                    (f"{self.command} {self.path}", _decompressed(body, self.headers.get("content-encoding")))
                )
                onward = http.client.HTTPConnection(behind.hostname or "", behind.port)
                headers = {name: value for name, value in self.headers.items() if name.lower() not in {*_HOP, "host"}}
                onward.request(self.command, self.path, body, headers)
                answer = onward.getresponse()
                content = answer.read()
                onward.close()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _forward  # noqa: N815 - its names

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        seen.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield seen
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
