"""Load the results of experiments as a pandas table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from eval_pipeline.analysis.case_values import (
    metric_labels,
    metric_scores,
    metric_values,
    score_of_row,
    verdict_of_row,
    why_not_passed,
)
from eval_pipeline.analysis.trend import read_points
from eval_pipeline.content.text import json_text
from eval_pipeline.errors import MissingUpstreamError
from eval_pipeline.results.experiment_record import read_experiment
from eval_pipeline.results.large_values import LargeValues
from eval_pipeline.results.result_log import read_results
from eval_pipeline.results.result_row import turn_of_row
from eval_pipeline.store.opening import open_store
from eval_pipeline.store.store import Store
from eval_pipeline.suite.dataset.stored import stored_cases, stored_examples

COLUMNS = (
    "experiment",
    "case_id",
    "attempt",
    "variant",
    "split",
    "tags",
    "status",
    "passed",
    "score",
    "latency_s",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "started_at",
    "why",
    "trace_url",
    "context_id",
    "dataset_version",
    "target_version",
)
"""The columns of every table; those of assertions, metadata and transcripts follow."""
_AS_STORED = ("case_id", "attempt", "variant", "split", "tags", "status", "score", "latency_s", "cost_usd")
_PINNED = ("started_at", "trace_url", "context_id", "dataset_version", "target_version")


def load_results(
    store: Store | str | Path,
    suite: str,
    experiment: str | Sequence[str] | None = None,
    *,
    transcripts: bool = False,
    values: Literal["json", "flat"] | None = None,
) -> pd.DataFrame:
    """The attempts of one or several experiments, one per row, sorted by experiment, case and attempt.

    Args:
        store: where results are stored: `./data`, `s3://bucket/prefix`, or an opened store.
        suite: the suite's name.
        experiment: an experiment's name or several; by default the suite's latest that has been summarized.
        transcripts: include the conversations, which are most of the bytes.
        values: include inputs, outputs and reference: as `json`, or `flat`, a column for each key of a mapping.

    Returns:
        A table with these columns:

        | column | type | meaning |
        |---|---|---|
        | `experiment`, `case_id`, `variant`, `split` | text | what the attempt is of |
        | `attempt` | int | 1 for the first |
        | `tags` | list of text | tags of the case |
        | `status` | text | `passed`, `failed`, `error`, `limit`, `unscored` or `skipped` |
        | `passed` | boolean | missing for `unscored` and `skipped` |
        | `score` | float | weighted mean of the assertions' scores, in [0, 1]; missing for `error` |
        | `latency_s`, `cost_usd` | float | the target's seconds and dollars |
        | `input_tokens`, `output_tokens` | int | tokens of the target |
        | `started_at` | timestamp | UTC |
        | `why` | text | why the attempt did not pass; empty if it passed |
        | `trace_url` | text | its trace |
        | `context_id`, `dataset_version`, `target_version` | text | what was evaluated, against what |
        | `score.<metric>` | float | its mean score in this attempt; missing for `error` and where it did not score |
        | `value.<metric>` | float | its mean value in this attempt, of a metric without bounds |
        | `label.<metric>` | text | its label in this attempt; of several turns all of them |
        | `metadata.<key>` | any | metadata of the case |
        | `inputs`, `outputs`, `reference` | text | with `values="json"`: the case's, and the target's last |
        | `inputs.<key>`, `outputs.<key>`, `reference.<key>` | any | with `values="flat"`, where it is a mapping |
        | `turns` | list of dicts | with `transcripts`: input, response, events, latency_s |

    Raises:
        MissingUpstreamError: there is no such experiment.
        CorruptDataError: results cannot be read.
    """
    opened = store if isinstance(store, Store) else open_store(str(store))
    names = [experiment] if isinstance(experiment, str) else experiment
    selected = [_latest(opened, suite)] if names is None else list(names)
    rows = [row for name in selected for row in _rows(opened, suite, name, transcripts=transcripts, values=values)]
    table = pd.DataFrame(rows, columns=None if rows else list(COLUMNS))
    later = sorted(name for name in table.columns if name not in COLUMNS)
    return table[[*COLUMNS, *later]].astype({"passed": "boolean", "score": "float64", "cost_usd": "float64"})


def _latest(store: Store, suite: str) -> str:
    points = read_points(store, suite, last=1)
    if not points:
        raise MissingUpstreamError(
            f"no experiment of {suite!r} has been summarized in {store.root}", fix=f"eval-pipeline run {suite}"
        )
    return points[0].experiment


def _rows(
    store: Store, suite: str, experiment: str, *, transcripts: bool, values: Literal["json", "flat"] | None
) -> list[dict[str, Any]]:
    record = read_experiment(store, suite, experiment)
    metadata = {case.id: case.metadata for case in stored_cases(store, suite, record.dataset_version)}
    columns = [
        *_AS_STORED,
        *_PINNED,
        "tokens",
        "assertions",
        "error",
        "limit",
        *(["turns"] if transcripts or values else []),
    ]
    attempts = read_results(store, suite, experiment, columns=columns).to_pylist()
    rows = [_row(row, experiment, metadata.get(row["case_id"], {}), transcripts=transcripts) for row in attempts]
    if values is None:
        return rows
    large = LargeValues(store, suite, experiment)
    stored = stored_examples(store, suite, record.dataset_version)
    examples = {case_id: (inputs, reference) for case_id, inputs, reference in stored}
    for row, attempt in zip(rows, attempts, strict=True):
        inputs, reference = examples.get(row["case_id"], (None, None))
        turns: list[Any] = attempt["turns"] or []
        outputs = turn_of_row(turns[-1], large).outputs if turns else None
        for name, value in (("inputs", inputs), ("outputs", outputs), ("reference", reference)):
            row.update(_columns_of(name, value, flat=values == "flat"))
    return rows


def _columns_of(name: str, value: Any, *, flat: bool) -> dict[str, Any]:
    if flat and isinstance(value, Mapping):
        return {f"{name}.{key}": item for key, item in value.items()}
    return {name: value if flat else json_text(value)}


def _row(row: dict[str, Any], experiment: str, metadata: Any, *, transcripts: bool) -> dict[str, Any]:
    tokens = row["tokens"] or {}
    return {
        "experiment": experiment,
        **{name: row[name] for name in (*_AS_STORED, *_PINNED)},
        "score": score_of_row(row),
        "passed": verdict_of_row(row),
        "input_tokens": tokens.get("input") or 0,
        "output_tokens": tokens.get("output") or 0,
        "why": why_not_passed(row),
        **{f"score.{name}": score for name, score in metric_scores(row).items()},
        **{f"value.{name}": value for name, value in metric_values(row).items()},
        **{f"label.{name}": "; ".join(labels) for name, labels in metric_labels(row).items()},
        **{f"metadata.{key}": value for key, value in metadata.items()},
        **({"turns": row["turns"]} if transcripts else {}),
    }
