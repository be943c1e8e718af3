"""Refuse query parameters and fields of bodies that are not implemented and would change the answer, by name."""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse
from eval_pipeline.recorder.routes.bodies import BODIES, wrong_fields

HINTS = frozenset(
    {
        "inline_s3_urls",  # attachments are URLs of this server
        "use_approx_stats",  # statistics are exact
        "include_user_names",  # there are no users
        "exclude_s3_stored_attributes",  # nothing is stored elsewhere
        "trace_id",
        "session_id",  # where LangSmith looks for a run first; here ids are enough
        "project_id",
        "start_time",
        "get_examples",  # prompts have none
        "is_view",  # views are not counted
        "skip_webhooks",  # there are none
    }
)
"""Parameters that change no answer of a server with one workspace and one database."""


async def refuse_unknown(request: Request) -> None:
    """Refuse a request with a query parameter that is not implemented.

    Raises:
        ErrorResponse: 400, with its name.
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    # The SDK sends a limit with every reading request, also of one object.
    hints = HINTS | {"limit", "offset"} if route.path.endswith("}") else HINTS
    unknown = sorted({*request.query_params} - _parameters(route) - hints)
    if unknown:
        raise _not_implemented("query parameter", unknown)


def refuse_unknown_fields(request: Request, body: Any) -> None:
    """Refuse the body of a request, an object or a list of them, with a field that its route does not have.

    Raises:
        ErrorResponse: 400, with its name; 422 for a field that holds a value of another kind.
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    version = "/api/v2" if request.url.path.startswith("/api/v2") else ""
    fields = BODIES.get((request.method, version + _without_prefix(route.path)))
    for item in body if isinstance(body, list) else [body]:
        if fields is not None and isinstance(item, Mapping):
            refuse_fields(item, fields)
            for mistake in wrong_fields(item):
                raise ErrorResponse(422, {"detail": mistake})


def refuse_fields(body: Mapping[str, Any], fields: frozenset[str]) -> None:
    """Refuse a body with a field that is not among `fields`; what is off or empty asks for nothing.

    Raises:
        ErrorResponse: 400, with its name.
    """
    given = {name for name, value in body.items() if value is not None and value is not False and value not in ([], {})}
    if unknown := sorted(given - fields):
        raise _not_implemented("field", unknown)


def _not_implemented(what: str, names: list[str]) -> ErrorResponse:
    shown = ", ".join(map(repr, names))
    return ErrorResponse(400, {"detail": f"{what} {shown} is not implemented by the recorder"})


def _parameters(route: APIRoute) -> frozenset[str]:
    return frozenset(_named(route.dependant))


def _named(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for each in dependant.dependencies:
        yield from _named(each)


def _without_prefix(path: str) -> str:
    for prefix in ("/api/v1", "/api/v2", "/v1"):
        if path.startswith(prefix):
            return path.removeprefix(prefix)
    return path
