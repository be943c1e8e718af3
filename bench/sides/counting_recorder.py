"""The recorder in a process of its own, which counts ingest events and bytes on the wire.

It prints its port when it listens. `GET /bench/counts` returns the counts and resets them. The argument is the file of
the database.
"""

import json
import sys
from collections import Counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import override

from eval_pipeline.recorder.app import create_app
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.frame import Frame
from eval_pipeline.serving.server import AppServer, listen


class CountingRecorder(Recorder):
    """A recorder that counts every accepted post and patch of a run, which LangSmith's plans are billed by."""

    def __init__(self, db_path: str) -> None:
        super().__init__(db_path)
        self.counts: Counter[str] = Counter()

    @override
    def receive(self, frame: Frame) -> None:
        super().receive(frame)
        self.counts["events"] += len(frame.runs)
        self.counts["frames"] += 1


class Counting:
    """The recorder's application, with a count of the bytes of all bodies."""

    def __init__(self, app: ASGIApp, counts: "Counter[str]") -> None:
        self._app, self._counts = app, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"] == "/bench/counts":
            await self._send_counts(send)
            return

        async def counted() -> Message:
            message = await receive()
            self._counts["wire_bytes"] += len(message.get("body", b""))
            return message

        await self._app(scope, counted, send)

    async def _send_counts(self, send: Send) -> None:
        body = json.dumps({"events": 0, "wire_bytes": 0, "frames": 0, **self._counts}).encode()
        self._counts.clear()
        headers: list[Any] = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serve until killed."""
    recorder = CountingRecorder(sys.argv[1])
    server = AppServer(Counting(create_app(recorder), recorder.counts), listen("127.0.0.1", 0))
    server.run(lambda: print(server.port, flush=True))


if __name__ == "__main__":
    main()
