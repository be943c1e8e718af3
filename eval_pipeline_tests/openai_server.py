"""A chat model's provider on loopback: speaks OpenAI's chat completions over HTTP, so that real clients can be tested.

Belongs here: the wire format. Does not belong here: what a test wants answered (it passes a function).
"""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[Mapping[str, Any]], Any]
"""From the body of a request to the answer: text, a mapping (an assistant message), or an HTTP status that fails."""


@dataclass
class OpenAIServer:
    """What a running server was asked."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)


@contextlib.contextmanager
def openai_server(answer: Answer) -> Iterator[OpenAIServer]:
    """A server that answers every request as `answer` says."""
    seen = OpenAIServer(url="")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.requests.append(body)
            status, content = _completion(answer(body), body)
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the standard library
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    seen.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def tool_call(name: str, call_id: str = "call_1", **arguments: Any) -> dict[str, Any]:
    """A tool call as OpenAI writes it."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def _completion(said: Any, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    if isinstance(said, int):
        return said, {"error": {"message": "refused", "type": "invalid_request_error", "code": str(said)}}
    message = {"role": "assistant", "content": said} if isinstance(said, str) else {"role": "assistant", **said}
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    usage = {
        "prompt_tokens": 11,
        "completion_tokens": 3,
        "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 4},
    }
    return 200, {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": usage,
    }
