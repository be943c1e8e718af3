"""Refuse query parameters and fields of bodies that are not implemented and would change the answer, by name."""

from collections.abc import Iterator, Mapping

import orjson
from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from eval_pipeline.langsmith.protocol.error_responses import ErrorResponse

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
_HINT_FIELDS = frozenset(["skip_prev_cursor", "use_experimental_search", "skip_pagination"])
"""Fields that change no answer, as `HINTS`: there is no previous cursor, and one way to search."""
_READ_FIELDS = """
POST /runs/query                id trace parent_run run_type session reference_example execution_order start_time
    end_time error query filter trace_filter tree_filter is_root search_filter data_source_type cursor limit select
    order
POST /runs/stats                id trace parent_run run_type session reference_example execution_order start_time
    end_time error query filter trace_filter tree_filter is_root search_filter data_source_type select
POST /runs/delete/traces        session_id trace_ids
POST /datasets/{dataset_id}/runs     session_ids example_ids offset limit preview
PUT /datasets/{dataset_id}/splits    split_name examples remove
PUT /datasets/{dataset_id}/tags      tag as_of
POST /platform/datasets/examples/delete   example_ids hard_delete
POST /repos/{owner}/{repo}/tags      tag_name commit_id skip_webhooks
PATCH /repos/{owner}/{repo}/tags/{tag}    commit_id skip_webhooks
POST /examples                  id dataset_id inputs outputs metadata split source_run_id created_at use_source_run_io
PATCH /examples/{example_id}    id dataset_id inputs outputs metadata split attachments_operations
POST /api/v2/runs/query         project_ids reference_dataset_id ids trace_id reference_examples run_type is_root
    has_error min_start_time max_start_time sort_order filter trace_filter tree_filter page_size cursor selects
    include_subtree_usage
POST /api/v2/traces/query       project_id trace_ids trace_filter tree_filter page_size cursor selects sort_order
    min_start_time max_start_time has_error
POST /api/v2/threads/query       project_id filter trace_filter tree_filter page_size cursor min_start_time
    max_start_time
POST /api/v2/datasets/{dataset_id}/experiment-runs    experiment_ids example_ids page_size cursor selects
"""


def _bodies(text: str) -> Iterator[tuple[tuple[str, str], frozenset[str]]]:
    for line in text.strip().replace("\n    ", " ").splitlines():
        method, path, *fields = line.split()
        yield (method, path), frozenset(fields) | _HINT_FIELDS


BODIES: Mapping[tuple[str, str], frozenset[str]] = dict(_bodies(_READ_FIELDS))
"""The fields of bodies that are read one by one; other routes keep and return what they are sent."""


async def refuse_unknown(request: Request) -> None:
    """Refuse a request with a parameter or a field that is not implemented.

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
    version = "/api/v2" if request.url.path.startswith("/api/v2") else ""
    fields = BODIES.get((request.method, version + _without_prefix(route.path)))
    if fields is None or request.headers.get("content-encoding"):
        return
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return  # the route refuses it
    if isinstance(body, dict):
        given = {name for name, value in body.items() if value is not None}
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
