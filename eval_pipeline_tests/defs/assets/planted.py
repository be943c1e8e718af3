"""A suite with secrets and personal data in every place where people, models and data can put them."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from eval_pipeline.recorder.store.codec import json_bytes

AWS_KEY = "AKIAIOSFODNN7" + "PLANTED"
API_KEY = "sk-proj-" + "plantedplantedplanted"
BEARER = "Bearer " + "plantedplantedplanted00"
MAIL = "planted.ann@example.com"
PASSWORD = "hunter2planted"
PLANTED = (AWS_KEY, API_KEY, BEARER.split()[1], MAIL, PASSWORD)
ALL = f"{AWS_KEY}, {API_KEY}, {BEARER}, {MAIL}, postgresql://ann:{PASSWORD}@db.example.com/x"

SUITE: dict[str, Any] = {
    "name": "planted",
    "cases": "cases.yaml",
    "context": {
        "tables": {
            "customers": {"file": "customers.csv", "key": "id"},
            "named": {"sql": "SELECT id, mail AS contact FROM customers"},
            "nested": {"file": "nested.json", "key": "id"},
        },
        "documents": {"source": {"file": "notes.jsonl"}, "retrieval": {"k": 1}},
        "patterns": [{"name": "found", "instruction": "What recurs?", "model": "agent.py:Telling"}],
    },
    "target": {"kind": "python", "path": "agent.py:answer"},
    "judge": {"model": "agent.py:Telling"},
}
CASES: list[dict[str, Any]] = [
    {
        "id": "replied",
        "input": f"I am {ALL}.",
        "split": f"of {MAIL}",
        "tags": [MAIL],
        "metadata": {"owner": MAIL, "password": PASSWORD, MAIL: "key"},
        "reference": {"answer": ALL},
        "assertions": [
            {"type": "contains", "value": MAIL},
            {"type": "not_contains", "value": API_KEY, "name": f"never says {API_KEY}"},
            {"type": "llm_rubric", "value": f"It greets {MAIL}."},
            {"type": "python", "path": "agent.py:breaks"},
        ],
    },
    {"id": "raised", "input": f"Please raise {ALL}.", "assertions": [{"type": "contains", "value": "hello"}]},
]
AGENT = """\
import pyarrow as pa
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

ALL = __ALL__


class Telling(BaseChatModel):
    @property
    def _llm_type(self):
        return "telling"

    def with_structured_output(self, schema, **kwargs):
        made = {"reasoning": f"It says {ALL}.", "passed": True}
        if "patterns" in schema.model_fields:
            made = {"patterns": [{"title": f"To {ALL}", "description": ALL, "evidence": [ALL]}]}
        return self | RunnableLambda(lambda _: schema.model_validate(made))

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        return ChatResult(generations=[ChatGeneration(message=AIMessage(f"I was given {ALL}"))])


@tool
def look_up(mail: str) -> dict:
    "Looks up."
    return {"found": ALL, "authorization": __PASSWORD__}


def answer(message):
    if "raise" in message:
        raise ValueError(f"cannot serve {ALL}")
    args = {"mail": ALL, "api_key": __PASSWORD__}
    result = look_up.invoke({"mail": ALL})
    # The agent got the case as it is written, not as it is stored.
    assert ALL in message
    return {
        "response": f"Hello {ALL}",
        "events": [
            {"type": "tool_call", "name": "look_up", "args": args, "id": "1"},
            {"type": "tool_result", "name": "look_up", "content": result, "id": "1"},
        ],
    }


def breaks(response):
    raise RuntimeError(f"an assertion broke on {ALL}")


def unreadable():
    raise RuntimeError(f"no rows for {ALL}")
"""


def write_planted_suite(folder: Path, **changed: Any) -> Path:
    """Write it into `folder`. Returns that."""
    folder.mkdir(parents=True, exist_ok=True)
    agent = AGENT.replace("__ALL__", repr(ALL)).replace("__PASSWORD__", repr(PASSWORD))
    notes = [{"id": str(index), "text": f"note {index} from {ALL}", "by": MAIL} for index in range(3)]
    files = {
        "suite.yaml": yaml.safe_dump({**SUITE, **changed}, sort_keys=False),
        "cases.yaml": yaml.safe_dump(CASES, sort_keys=False),
        "agent.py": agent,
        "customers.csv": f'id,mail,api_token\n1,{MAIL},{PASSWORD}\n2,"{ALL}",{PASSWORD}\n',
        "nested.json": json.dumps([{"id": "1", "contact": {"mail": MAIL, "password": PASSWORD}}]),
        "notes.jsonl": "\n".join(map(json.dumps, notes)),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def found_in(text: str | bytes) -> list[str]:
    """What was planted and is there."""
    data = text if isinstance(text, bytes) else text.encode()
    return [planted for planted in PLANTED if planted.encode() in data]


def leaks(folder: Path) -> Iterator[tuple[str, str]]:
    """Every file below `folder` that holds something planted: as it is, as Parquet, and as SQLite with packed cells."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            data = file.read_bytes()
            for text in (data, *(content.encode("utf-8", "replace") for content in _contents(file))):
                yield from ((str(file.relative_to(folder)), planted) for planted in found_in(text))


def _contents(file: Path) -> Iterator[str]:
    if file.suffix == ".parquet":
        yield str(pq.read_table(file).to_pylist())
        yield str(pq.read_schema(file).metadata)
    if file.read_bytes()[:15] == b"SQLite format 3":
        with closing(sqlite3.connect(file)) as connection:
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                rows = connection.execute(f'SELECT * FROM "{table}"')
                for row in rows:
                    yield "\n".join(map(_cell, row))


def _cell(value: Any) -> str:
    if isinstance(value, bytes):
        value = json_bytes(value)  # as the recorder's database packs it
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
