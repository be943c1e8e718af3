"""The recorder as an ASGI application."""

from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse
from eval_pipeline.langsmith.protocol.times import TimeError
from eval_pipeline.recorder.core import Recorder
from eval_pipeline.recorder.faults import FaultLayer
from eval_pipeline.recorder.guard import (
    CONTENT_SECURITY_POLICY,
    JournalLayer,
    LargeBodies,
    WithoutTrailingSlash,
    refusal_response,
)
from eval_pipeline.recorder.pages import (
    case_pages,
    comparison_pages,
    dataset_pages,
    forms,
    live,
    prompt_pages,
    queue_pages,
    thread_pages,
    trace_pages,
)
from eval_pipeline.recorder.pages.error_pages import (
    answer_failure,
    answer_http_error,
    answer_invalid,
    refusal_page,
    wants_page,
)
from eval_pipeline.recorder.routes import (
    dataset_files,
    datasets,
    examples,
    experiments,
    feedback,
    feedback_configs,
    hub,
    info,
    ingest,
    otlp,
    queues,
    reports,
    runs,
    runs_v2,
    sessions,
    threads,
    unavailable,
)
from eval_pipeline.recorder.routes.refusals import refuse_unknown
from eval_pipeline.serving.access import GuardLayer

PREFIXES = ("", "/api/v1", "/v1")
"""Prefixes of the v1 routes. The SDK adds none to its base URL, whose path may be any of these."""

# Ingestion first: routes are tried in order. Fixed paths, which look like ids, before those of ids.
_V1 = (
    ingest,
    otlp,
    unavailable,
    info,
    sessions,
    runs,
    feedback,
    feedback_configs,
    experiments,
    dataset_files,
    datasets,
    examples,
    hub,
    queues,
)
_V2 = (runs_v2, threads)


API_ROUTES = tuple(
    (version, tuple(route for route in module.router.routes if isinstance(route, APIRoute)))
    for version, modules in (("", _V1), ("/api/v2", _V2))
    for module in modules
)
"""The routes of the API, by the version that their paths begin with."""

_PAGES = (
    dataset_pages,
    case_pages,
    comparison_pages,
    trace_pages,
    queue_pages,
    thread_pages,
    prompt_pages,
    live,
    forms,
)


def create_app(recorder: Recorder) -> FastAPI:
    """Build the application of a recorder, which the caller closes."""
    app = FastAPI(title="eval_pipeline recorder", docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.recorder = recorder
    for prefix in PREFIXES:
        for module in _V1:
            app.include_router(module.router, prefix=prefix, dependencies=[Depends(refuse_unknown)])
    for routes in _V2:
        app.include_router(routes.router, prefix="/api/v2", dependencies=[Depends(refuse_unknown)])
    for pages in (*_PAGES, reports):
        app.include_router(pages.router)
    app.add_exception_handler(ErrorResponse, _answer_refusal)
    app.add_exception_handler(TimeError, _answer_time_error)
    app.add_exception_handler(HTTPException, answer_http_error)
    app.add_exception_handler(Exception, answer_failure)
    app.add_exception_handler(RequestValidationError, answer_invalid)
    # The last middleware added is the outermost.
    app.add_middleware(LargeBodies)
    app.add_middleware(WithoutTrailingSlash)
    if recorder.config.journal_bytes:
        app.add_middleware(JournalLayer, journal=recorder.journal, limit=recorder.config.journal_bytes)
    app.add_middleware(
        GuardLayer,
        loopback=recorder.config.loopback,
        token=recorder.config.token,
        realm="recorder",
        content_security_policy=CONTENT_SECURITY_POLICY,
    )
    app.add_middleware(FaultLayer, plan=recorder.faults)
    return app


def _answer_refusal(request: Request, error: Exception) -> Response:
    if not isinstance(error, ErrorResponse):
        raise error
    if wants_page(request):
        return refusal_page(error)
    body: dict[str, Any] = error.body
    return refusal_response(error.status, body)


def _answer_time_error(_request: Request, error: Exception) -> Response:
    """Answer a request with an invalid time in its body or parameters."""
    return refusal_response(422, {"detail": str(error)})
