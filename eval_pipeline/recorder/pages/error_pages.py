"""Errors as pages, for requests of browsers; clients of the API get JSON."""

from http import HTTPStatus

from fastapi import Request
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse
from eval_pipeline.recorder.pages.rendering import render

_TITLES = {400: "This address is not right", 403: "Not allowed", 404: "Not found", 409: "Conflict", 422: "Incomplete"}


def wants_page(request: Request) -> bool:
    """Whether a browser shows the answer to a person."""
    return "text/html" in request.headers.get("accept", "")


def error_page(status: int, detail: str) -> Response:
    """The page of an error."""
    page = render("error.html", status=status, title=_TITLES.get(status, "Error"), detail=detail)
    page.status_code = status
    return page


def refusal_page(error: ErrorResponse) -> Response:
    """The page of a refusal."""
    return error_page(error.status, str(error.body.get("detail") or error.body.get("error") or error.body))


async def answer_failure(request: Request, error: Exception) -> Response:
    """Answer a request that failed for a reason of ours; the server logs it."""
    if wants_page(request):
        return error_page(500, f"The recorder failed: {type(error).__name__}. Its log has the traceback.")
    return JSONResponse({"detail": "Internal Server Error"}, status_code=500)


async def answer_http_error(request: Request, error: Exception) -> Response:
    """Answer a path that does not exist."""
    assert isinstance(error, HTTPException)
    if wants_page(request):
        missing = error.status_code == HTTPStatus.NOT_FOUND
        return error_page(error.status_code, "There is no page at this address." if missing else str(error.detail))
    return await http_exception_handler(request, error)


async def answer_invalid(request: Request, error: Exception) -> Response:
    """Answer a request with invalid or missing parameters."""
    assert isinstance(error, RequestValidationError)
    if not wants_page(request):
        return await request_validation_exception_handler(request, error)
    problems = "; ".join(f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in error.errors())
    if any("selectedSessions" in each["loc"] for each in error.errors()):
        problems = "Select one or more experiments to compare."
    return error_page(422, problems)
