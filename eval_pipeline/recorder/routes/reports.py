"""Reports of experiments: not a part of LangSmith's API; the recorder serves them beside the traces."""

from fastapi import APIRouter, Response

from eval_pipeline.recorder.routes.requests import BodyBytes, RecorderDep

router = APIRouter(include_in_schema=False)

_POLICY = (
    # A page of its own origin: what an agent said in it cannot read the recorder's other pages.
    "sandbox allow-scripts allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
)


@router.put("/reports/{name}", status_code=204)
def put_report(name: str, page: BodyBytes, recorder: RecorderDep) -> None:
    """Store the report of an experiment, a self-contained HTML page."""
    recorder.reports.put(name, page)


@router.get("/reports/{name}")
def report(name: str, recorder: RecorderDep) -> Response:
    """Show it."""
    headers = {"content-security-policy": _POLICY}
    return Response(recorder.reports.get(name), media_type="text/html; charset=utf-8", headers=headers)


@router.delete("/reports/{name}", status_code=204)
def delete_report(name: str, recorder: RecorderDep) -> None:
    """Delete it."""
    recorder.reports.delete(name)
