"""Serve the evaluation API: as the process, or in a thread of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eval_pipeline.api.app import create_app
from eval_pipeline.api.catalog import Catalog
from eval_pipeline.api.sse import HEARTBEAT_SECONDS
from eval_pipeline.serving.access import require_token
from eval_pipeline.serving.loopback import is_loopback
from eval_pipeline.serving.server import AppServer, listen


def serve(catalog: Catalog, *, host: str, port: int, token: str | None, started: Callable[[str], None]) -> None:
    """Serve until interrupted. `started` is called with the URL once requests are answered.

    Raises:
        InputError: `host` is not loopback and there is no token.
        PermanentError: The port is in use.
    """
    server = _server(catalog, host=host, port=port, token=token, heartbeat_s=HEARTBEAT_SECONDS)
    server.run(lambda: started(server.url))


@contextmanager
def serve_in_thread(
    catalog: Catalog,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    heartbeat_s: float = HEARTBEAT_SECONDS,
) -> Iterator[str]:
    """Serve in a thread of this process and yield the URL. Raises what `serve` raises."""
    with _server(catalog, host=host, port=port, token=token, heartbeat_s=heartbeat_s) as server:
        yield server.url


def _server(catalog: Catalog, *, host: str, port: int, token: str | None, heartbeat_s: float) -> AppServer:
    require_token(host, token)
    app = create_app(catalog, loopback=is_loopback(host), token=token, heartbeat_s=heartbeat_s)
    return AppServer(app, listen(host, port))
