"""Production runs as new cases: what users said where the answer was not good."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langsmith.schemas import Run

from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.loaders.jsonl_cases import read_jsonl
from eval_pipeline.suite.loaders.langsmith_cases import messages_of_run
from eval_pipeline.suite.message_text import content_text

ORIGIN = "origin"
"""The metadata that says which run a case comes from: `{run_id, url, project, response, error}`."""


@dataclass(kw_only=True)
class Imported:
    """What came of it."""

    cases: list[dict[str, Any]] = field(default_factory=list)
    known: int = 0
    """Runs whose case, or whose words, the suite has already."""
    silent: int = 0
    """Runs in which no user said anything."""


def cases_of_runs(
    runs: Iterable[Run], known: Sequence[Case], *, project: str, web_url: str, redactor: Redactor
) -> Imported:
    """A case for each run that says something new, redacted, under an id that tells what is said.

    Args:
        runs: the oldest last, or the newest: of runs that say the same the first is taken.
        known: the cases there are.
        project: of the runs.
        web_url: where the server's pages are.
        redactor: asked of all that is kept.
    """
    imported = Imported()
    said_already = {_normal([redactor.text(turn.user) for turn in case.turns]) for case in known if case.turns}
    runs_already = {_origin_run(case.metadata) for case in known}
    for run in runs:
        turns = [redactor.text(text) for text in _said(run)]
        if not turns:
            imported.silent += 1
            continue
        normal = _normal(turns)
        if normal in said_already or str(run.id) in runs_already:
            imported.known += 1
            continue
        said_already.add(normal)
        imported.cases.append(_case(run, turns, normal, project=project, web_url=web_url, redactor=redactor))
    return imported


def append_cases(file: Path, cases: Sequence[Mapping[str, Any]]) -> None:
    """Write cases to the end of a JSONL file, which is whole at any moment.

    Raises:
        InputError: what is there is not JSONL.
    """
    there = [value for _, value in read_jsonl(file)] if file.exists() else []
    lines = [json.dumps(case, ensure_ascii=False) + "\n" for case in [*there, *cases]]
    file.parent.mkdir(parents=True, exist_ok=True)
    written = file.with_name(f".{file.name}.new")
    written.write_text("".join(lines), encoding="utf-8")
    written.replace(file)


def _said(run: Run) -> list[str]:
    data = {"inputs": run.inputs, "outputs": run.outputs}
    texts = [content_text(found.get("content")) for found in messages_of_run(data) if found.get("role") == "user"]
    return [text for text in texts if text.strip()]


def _normal(turns: Sequence[str]) -> str:
    """What is said, whatever its case and its spaces."""
    return "\n".join(" ".join(text.casefold().split()) for text in turns)


def _origin_run(metadata: Mapping[str, Any]) -> str | None:
    origin = metadata.get(ORIGIN)
    return str(origin["run_id"]) if isinstance(origin, Mapping) and "run_id" in origin else None


def _case(
    run: Run, turns: Sequence[str], normal: str, *, project: str, web_url: str, redactor: Redactor
) -> dict[str, Any]:
    answers = messages_of_run({"inputs": run.inputs, "outputs": run.outputs})
    response = next((content_text(a.get("content")) for a in reversed(answers) if a.get("role") == "assistant"), None)
    origin = {
        "run_id": str(run.id),
        "url": f"{web_url}{run.app_path}" if run.app_path else None,
        "project": project,
        "response": response,
        "error": None if not run.error else run.error.strip().splitlines()[-1],
    }
    kept = redactor.value({name: value for name, value in origin.items() if value})
    said = {"input": turns[0]} if len(turns) == 1 else {"turns": [{"user": text} for text in turns]}
    name = hashlib.sha256(normal.encode()).hexdigest()[:12]
    return {
        "id": f"imported-{name}",
        **said,
        "assertions": [_least(kept.get("response"))],
        "tags": ["imported"],
        "metadata": {ORIGIN: kept},
    }


def _least(response: str | None) -> dict[str, Any]:
    """What can be asked before somebody has said what is right: an answer, and not the one that was not good."""
    if not response:
        return {"name": "answers", "type": "regex", "value": r"\S"}
    return {"name": "answers_otherwise", "type": "equals", "value": response, "negate": True}
