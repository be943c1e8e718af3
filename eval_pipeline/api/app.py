"""The ASGI application: `POST /api/eval/stream` and `/api/batch/stream`, `GET /api/suites`, and the page.

`POST /api/eval/stream?test_name=…&version=…` needs no body.
"""

import contextlib
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.concurrency import run_in_threadpool

from eval_pipeline.api.catalog import Catalog, case_of_request, refuse_code
from eval_pipeline.api.sse import HEARTBEAT_SECONDS, server_sent
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.evaluation.events import Event, from_process_loop
from eval_pipeline.pages.conversation import of_turns
from eval_pipeline.pages.showing import conversation_html
from eval_pipeline.pages.templating import shared_script, stylesheet
from eval_pipeline.serving.access import GuardLayer
from eval_pipeline.suite.case import RuntimeOptions

_PAGE = Path(__file__).parent / "page"
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    suite: str
    runtime: RuntimeOptions = RuntimeOptions()

    def runtime_options(self) -> dict[str, Any]:
        """The runtime options of the request.

        Raises:
            InputError: They name code.
        """
        options = self.runtime.model_dump(exclude_defaults=True)
        refuse_code(options)
        return options


class CaseBody(_Body):
    """Request to evaluate one case: the id of a case of the suite, or a whole case that names no code."""

    case: str | dict[str, Any] | None = None
    case_id: str | None = None

    @model_validator(mode="after")
    def _names_one_case(self) -> "CaseBody":
        if (self.case is None) == (self.case_id is None):
            raise ValueError("give one of `case` and `case_id`")
        return self


class BatchBody(_Body):
    """Request to evaluate several cases, by default all cases of the suite."""

    cases: list[str | dict[str, Any]] | None = Field(default=None, min_length=1)
    max_concurrency: int | None = Field(default=None, ge=1, le=1_000)


def create_app(
    catalog: Catalog, *, loopback: bool, token: str | None, heartbeat_s: float = HEARTBEAT_SECONDS
) -> FastAPI:
    """Build the application over the suites of `catalog`."""
    app = FastAPI(title="eval_pipeline", docs_url=None, redoc_url=None)

    @app.get("/api/suites")
    async def suites() -> list[dict[str, Any]]:
        return await run_in_threadpool(catalog.suites)

    @app.post("/api/eval/stream", dependencies=[Depends(_require_json_or_query)])
    async def eval_stream(
        request: Request,
        body: CaseBody | None = None,
        test_name: str | None = None,
        version: str | None = None,
        suite: str | None = None,
    ) -> StreamingResponse:
        def begin() -> AsyncGenerator[Event, None]:
            if body is None:
                name, case_id = catalog.case_named(test_name or "", suite=suite)
                return catalog.runner(name).astream(case_id, version=version)
            if (test_name, version, suite) != (None, None, None):
                fix = "give the case in the body, or `test_name`, `version` and `suite` in the address"
                raise InputError(Problem(message="the request has a body and parameters", fix=fix))
            case = case_of_request(body.case if body.case is not None else body.case_id or "")
            return catalog.runner(body.suite).astream(case, **body.runtime_options())

        return _streamed(begin, request, heartbeat_s)

    @app.post("/api/batch/stream", dependencies=[Depends(_require_json)])
    async def batch_stream(body: BatchBody, request: Request) -> StreamingResponse:
        def begin() -> AsyncGenerator[Event, None]:
            cases = None if body.cases is None else [case_of_request(case) for case in body.cases]
            runner = catalog.runner(body.suite, max_concurrency=body.max_concurrency)
            return runner.astream_batch(cases, **body.runtime_options())

        return _streamed(begin, request, heartbeat_s)

    app.add_api_route("/shown", _shown, methods=["POST"], dependencies=[Depends(_require_json)])
    for path, content, media_type in (
        ("/", (_PAGE / "page.html").read_text(encoding="utf-8"), "text/html"),
        ("/keys.js", shared_script("keys.js"), "text/javascript"),
        ("/page.js", (_PAGE / "page.js").read_text(encoding="utf-8"), "text/javascript"),
        ("/page.css", stylesheet("eval_pipeline.api", "page/page.css"), "text/css"),
    ):
        app.add_api_route(path, _static(content, media_type), methods=["GET"])
    app.add_middleware(
        GuardLayer,
        loopback=loopback,
        token=token,
        realm="eval-pipeline",
        content_security_policy=_CONTENT_SECURITY_POLICY,
    )
    return app


def _shown(turn: dict[str, Any]) -> HTMLResponse:
    """The HTML of a turn, or of a part of one, as the pages of the report and the recorder have it."""
    return HTMLResponse(conversation_html(of_turns([turn])))


def _streamed(
    begin: Callable[[], AsyncGenerator[Event, None]], request: Request, heartbeat_s: float
) -> StreamingResponse:
    async def events() -> AsyncGenerator[Event, None]:
        # Reading a suite runs the suite's own code, and may take a while.
        async with contextlib.aclosing(from_process_loop(await run_in_threadpool(begin))) as begun:
            async for event in begun:
                yield event

    return StreamingResponse(
        server_sent(events(), request, heartbeat_s=heartbeat_s),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


def _require_json(request: Request) -> None:
    """Refuse content types that forms of other origins can send: an evaluation costs money even if no page reads it."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "send application/json")


def _require_json_or_query(request: Request) -> None:
    """As `_require_json`; a request without a body names a case in its address, and never has a foreign Origin."""
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    if has_body or "test_name" not in request.query_params:
        _require_json(request)


def _static(content: str, media_type: str) -> Callable[[], Response]:
    def static() -> Response:
        return Response(content, media_type=media_type, headers={"cache-control": "no-cache"})

    return static
