"""A LangGraph server on loopback: the parts of its API that `RemoteGraph` uses, over graphs that really run."""

import contextlib
import json
import socket
import threading
import time
import urllib.parse
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.pregel import Pregel
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command, Interrupt
from pydantic import BaseModel

from eval_pipeline.targets.graphs.schema import fields_of


@dataclass
class LangGraphServer:
    """A running server, and what it was asked."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    """`{path, headers, body}` of each."""


@contextlib.contextmanager
def langgraph_server(graphs: Mapping[str, Pregel[Any, Any, Any, Any]]) -> Iterator[LangGraphServer]:
    """A server of `graphs` by name; it checkpoints them, as a deployment does."""
    seen = LangGraphServer(url="")
    deployed = {
        name: graph.copy({"checkpointer": InMemorySaver(), "store": InMemoryStore()}) for name, graph in graphs.items()
    }
    config = uvicorn.Config(_app(deployed, seen), log_config=None, access_log=False, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    seen.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield seen
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def _app(graphs: Mapping[str, Pregel[Any, Any, Any, Any]], seen: LangGraphServer) -> FastAPI:
    app = FastAPI()

    async def noted(request: Request) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(await request.body())
        seen.requests.append({"path": request.url.path, "headers": dict(request.headers), "body": body})
        body["config"] = {**(body.get("config") or {}), "configurable": _configurable(body, request.headers)}
        if body["assistant_id"] not in graphs:
            raise HTTPException(404, f"no assistant {body['assistant_id']}")
        return body

    @app.post("/threads/{thread_id}/runs/stream")
    async def stream(thread_id: uuid.UUID, request: Request) -> StreamingResponse:
        body = await noted(request)
        run_id = str(uuid.uuid4())
        return StreamingResponse(
            _events(graphs[body["assistant_id"]], str(thread_id), body, run_id=run_id),
            media_type="text/event-stream",
            headers={"Content-Location": f"/threads/{thread_id}/runs/{run_id}"},
        )

    @app.post("/threads/{thread_id}/runs/wait")
    async def wait(thread_id: uuid.UUID, request: Request) -> Any:
        body = await noted(request)
        graph = graphs[body["assistant_id"]]
        return _plain(await graph.ainvoke(_input(body), _config(str(thread_id), body)))

    @app.get("/threads/{thread_id}/state")
    async def state(thread_id: uuid.UUID) -> Any:
        asked = next(item for item in reversed(seen.requests) if str(thread_id) in item["path"])
        snapshot = await graphs[asked["body"]["assistant_id"]].aget_state(
            {"configurable": {"thread_id": str(thread_id)}}
        )
        return {"values": _plain(snapshot.values), "next": list(snapshot.next)}

    @app.post("/assistants/search")
    async def search(request: Request) -> Any:
        name = json.loads(await request.body())["graph_id"]
        return [{"assistant_id": str(uuid.uuid5(uuid.NAMESPACE_URL, name))}] if name in graphs else []

    @app.get("/assistants/{assistant_id}/schemas")
    async def schemas(assistant_id: uuid.UUID) -> Any:
        graph = next(g for name, g in graphs.items() if uuid.uuid5(uuid.NAMESPACE_URL, name) == assistant_id)
        return {
            "input_schema": _schema(graph.get_input_jsonschema),
            "output_schema": _schema(graph.get_output_jsonschema),
        }

    return app


async def _events(
    graph: Pregel[Any, Any, Any, Any], thread_id: str, body: Mapping[str, Any], *, run_id: str
) -> AsyncIterator[bytes]:
    yield _event("metadata", {"run_id": run_id})
    modes: Any = ["messages" if mode == "messages-tuple" else mode for mode in body["stream_mode"]]
    try:
        async for path, mode, data in graph.astream(
            _input(body),
            _config(thread_id, body),
            context=_context(graph, body),
            output_keys=graph.output_channels,
            stream_mode=modes,
            subgraphs=body.get("stream_subgraphs", False),
        ):
            yield _event("|".join([mode, *path]), _plain(data))
    except Exception as error:  # noqa: BLE001 - as a server does
        yield _event("error", {"error": type(error).__name__, "message": str(error)})


def _schema(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception:  # noqa: BLE001 - types that have no JSON schema, for which a server gives none
        return {}


def _input(body: Mapping[str, Any]) -> Any:
    command = body.get("command")
    return Command(**command) if command else body.get("input")


def _config(thread_id: str, body: Mapping[str, Any]) -> Any:
    given = body.get("config") or {}
    return {**given, "configurable": {**given.get("configurable", {}), "thread_id": thread_id}}


def _configurable(body: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """What is configurable, with the trace that the client continues."""
    configurable = {**((body.get("config") or {}).get("configurable") or {})}
    if "langsmith-trace" in headers:
        configurable["langsmith-trace"] = headers["langsmith-trace"]
        for item in headers.get("baggage", "").split(","):
            name, _, value = item.partition("=")
            configurable[name] = urllib.parse.unquote(value)
    return configurable


def _context(graph: Pregel[Any, Any, Any, Any], body: Mapping[str, Any]) -> Any:
    """As a server does: what is configurable is the context, too."""
    configurable = (body.get("config") or {}).get("configurable") or {}
    assert not (configurable and body.get("context"))
    fields = fields_of(graph.context_schema)
    return {name: value for name, value in configurable.items() if name in fields} if fields else None


def _event(name: str, data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Interrupt):
        return {"value": _plain(value.value), "id": value.id}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
