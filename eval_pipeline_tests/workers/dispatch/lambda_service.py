"""AWS Lambda for tests: moto's API, behind which handlers run in Amazon's own runtime client, a process each.

moto alone echoes what it is sent. Here a call goes to a Runtime API, as Lambda's environments have one
(https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html), whose client is `awslambdaric`; an environment
stays warm between calls.
"""

import contextlib
import itertools
import os
import queue
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from moto.awslambda_simple.models import LambdaSimpleBackend

from eval_pipeline_tests.warm_processes import start_warm

_PATIENCE_S = 300.0
_TIME_LIMIT_S = 600.0


def runtime_client() -> None:
    """Amazon's, as its command."""
    # C code, imported in that process only.
    from awslambdaric.__main__ import main  # type: ignore[import-untyped]  # noqa: PLC0415

    main(sys.argv)


class Environment:
    """One execution environment: a Runtime API, and the client that asks it for work."""

    def __init__(self, handler: str, variables: Mapping[str, str]) -> None:
        self.busy = threading.Lock()
        self._events: queue.Queue[tuple[str, bytes] | None] = queue.Queue()
        self._answers: queue.Queue[tuple[bytes, bool]] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._routes())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        own = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "worker",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "2048",
            "AWS_LAMBDA_LOG_GROUP_NAME": "group",
            "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        }
        environment = {**os.environ, **variables, **own}
        self._client = start_warm(f"{__name__}:runtime_client", handler, folder=Path.cwd(), environment=environment)

    def call(self, event: bytes) -> tuple[bytes, bool]:
        """What the handler answers, and whether that is an error."""
        self._events.put((uuid.uuid4().hex, event))
        return self._answers.get(timeout=_PATIENCE_S)

    def close(self) -> None:
        """Freeze it for good."""
        self._client.kill()
        self._client.wait()
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()

    def _routes(self) -> type[BaseHTTPRequestHandler]:
        events, answers = self._events, self._answers

        class Routes(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                event = events.get()
                if event is None:
                    return
                self.send_response(200)
                # The client's C code ends in a segmentation fault without the last two.
                headers = {
                    "Lambda-Runtime-Aws-Request-Id": event[0],
                    "Lambda-Runtime-Deadline-Ms": str(int((time.time() + _TIME_LIMIT_S) * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:worker",
                    "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000",
                    "Content-Type": "application/json",
                    "Content-Length": str(len(event[1])),
                }
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(event[1])

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                answers.put((body, self.path.endswith("/error")))

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Routes


class LambdaService:
    """Functions by name, each with the environments that its calls needed."""

    def __init__(self, handlers: Mapping[str, str], variables: Mapping[str, str]) -> None:
        self._handlers, self._variables = handlers, variables
        self._environments: dict[str, list[Environment]] = {name: [] for name in handlers}
        self._lock = threading.Lock()
        self.calls: list[str] = []

    @property
    def started(self) -> int:
        """How many environments there are."""
        return sum(map(len, self._environments.values()))

    def invoke(self, name: str, event: bytes) -> tuple[bytes, bool]:
        """Call a function, in a warm environment if one is free."""
        self.calls.append(name)
        environment = self._free(name)
        try:
            return environment.call(event)
        finally:
            environment.busy.release()

    def close(self) -> None:
        """Stop all environments."""
        for environment in itertools.chain(*self._environments.values()):
            environment.close()

    def _free(self, name: str) -> Environment:
        with self._lock:
            for environment in self._environments[name]:
                if environment.busy.acquire(blocking=False):
                    return environment
            environment = Environment(self._handlers[name], self._variables)
            environment.busy.acquire()
            self._environments[name].append(environment)
            return environment


@contextlib.contextmanager
def lambda_service(
    handlers: Mapping[str, str], variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[LambdaService]:
    """moto's Lambda calls these handlers as long as this is open."""
    service = LambdaService(handlers, variables)

    def invoke(
        self: object, function_name: str, qualifier: object, body: Any, headers: object, response_headers: Any
    ) -> bytes:
        del self, qualifier, headers
        name = function_name.rpartition(":")[2]
        answer, broke = service.invoke(name, body.encode() if isinstance(body, str) else body)
        if broke:
            response_headers["x-amz-function-error"] = "Unhandled"
        return answer

    monkeypatch.setattr(LambdaSimpleBackend, "invoke", invoke)
    try:
        yield service
    finally:
        service.close()
