"""Compute the headers by which another server continues an attempt's trace, before the trace is complete."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from langsmith import RunTree
from langsmith.run_helpers import get_current_run_tree

from eval_pipeline.langsmith.protocol.jsonable import json_bytes
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.runs.collecting_client import CollectingClient, ids_of_path
from eval_pipeline.tracing.shape.completion import complete
from eval_pipeline.tracing.shape.run import Anchor

_log = logger_of(__name__)


def continuing_headers(
    client: CollectingClient, root: RunTree, *, metadata: Mapping[str, Any], tags: Sequence[str]
) -> dict[str, str]:
    """`langsmith-trace` and `baggage` for children of the current run of the attempt below `root`. Never raises.

    The order of a run that is sent may differ from the one in memory, because ids and times are repaired. The other
    server's runs must continue the one that is sent. By the baggage they get the attempt's tags and metadata, too.
    """
    try:
        current = get_current_run_tree()
        path = [] if current is None else ids_of_path(current.dotted_order)
        root_id = str(root.id)
        if root_id not in path:
            return {}
        ancestors = client.collected_so_far(root, path[path.index(root_id) + 1 :])
        below = Anchor(
            run_id=root_id,
            trace_id=str(root.trace_id),
            dotted_order=root.dotted_order,
            start_time=root.start_time,
            session_name=str(root.session_name),
        )
        now = dt.datetime.now(tz=dt.UTC)
        runs = complete(ancestors, below=below, end_time=now, labels={}).runs
        order = runs[-1]["dotted_order"] if runs else below.dotted_order
    except Exception:  # noqa: BLE001 - a trace must never cost the answer it is about
        _log.exception("another server cannot continue the trace")
        return {}
    baggage = {
        "metadata": json_bytes(dict(metadata)).decode() if metadata else None,
        "tags": ",".join(tags) or None,
        "project": below.session_name,
    }
    items = [f"langsmith-{name}={quote(value)}" for name, value in baggage.items() if value is not None]
    return {"langsmith-trace": order, "baggage": ",".join(items)}
