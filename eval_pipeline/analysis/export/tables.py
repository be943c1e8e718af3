"""The attempts of an experiment as a table: CSV, JSONL or Parquet."""

import csv
import io
import json
import math
from dataclasses import asdict
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from eval_pipeline.analysis.results_frame import load_results
from eval_pipeline.context.table_files import table_of_frame
from eval_pipeline.results.large_values import LargeValues
from eval_pipeline.results.result_row import turn_of_row
from eval_pipeline.store.store import Store

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How cells begin that spreadsheets would calculate."""


def csv_table(store: Store, suite: str, experiment: str) -> bytes:
    """The attempts as CSV in UTF-8. A text that a spreadsheet would take for a formula has an apostrophe in front."""
    frame = _flat(load_results(store, suite, experiment, transcripts=True))
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(map(_cell, frame.columns))
    writer.writerows([_cell(value) for value in row] for row in frame.itertuples(index=False, name=None))
    return out.getvalue().encode()


def jsonl_table(store: Store, suite: str, experiment: str) -> bytes:
    """The attempts as JSONL, with their transcripts."""
    frame = load_results(store, suite, experiment, transcripts=True)
    values = LargeValues(store, suite, experiment)
    rows = []
    for row in frame.to_dict("records"):
        turns = [asdict(turn_of_row(turn, values)) for turn in row.pop("turns", ())]
        rows.append({**{str(name): _json(value) for name, value in row.items()}, "turns": turns})
    return "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows).encode()


def parquet_table(store: Store, suite: str, experiment: str) -> bytes:
    """The attempts as Parquet."""
    out = pa.BufferOutputStream()
    pq.write_table(table_of_frame(_flat(load_results(store, suite, experiment, transcripts=True))), out)
    data: bytes = out.getvalue().to_pybytes()
    return data


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with first input and last response in place of the transcripts."""
    turns = frame["turns"].tolist() if "turns" in frame else []
    first = [each[0]["input"] if len(each) else "" for each in turns]
    last = [each[-1]["response"] if len(each) else "" for each in turns]
    return frame.drop(columns="turns", errors="ignore").assign(input=first, response=last)


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return "" if _is_missing(value) else value


def _json(value: Any) -> Any:
    return None if _is_missing(value) else value


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))
