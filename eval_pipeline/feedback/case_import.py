"""Create cases from production runs whose answer was not good."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langsmith.schemas import Run

from eval_pipeline.content.text import json_text
from eval_pipeline.messages import content_text
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.loaders.jsonl_cases import read_jsonl
from eval_pipeline.suite.loaders.recorded_run import messages_of_run

ORIGIN = "origin"
"""Metadata of an imported case: the run it comes from, `{run_id, url, project, began, response, error}`."""


@dataclass(kw_only=True)
class ImportedCases:
    """What `cases_of_runs` created and skipped."""

    cases: list[dict[str, Any]] = field(default_factory=list)
    existing: int = 0
    """Runs whose case, or whose messages, the suite has already."""
    silent: int = 0
    """Runs without a user message, and without text in their inputs."""


def cases_of_runs(
    runs: Iterable[Run], existing: Sequence[Case], *, project: str, web_url: str, redactor: Redactor
) -> ImportedCases:
    """Create a case from each run with new user messages, redacted, under an id that is a hash of the messages.

    Args:
        runs: in any order; of runs with the same messages the first is taken.
        existing: the cases of the suite.
        project: of the runs.
        web_url: where the server's pages are.
        redactor: applied to everything that is kept.
    """
    imported = ImportedCases()
    seen = {_normalized(_asked_in(case, redactor)) for case in existing if case.turns}
    imported_runs = {_origin_run(case.metadata) for case in existing}
    for run in runs:
        turns = [redactor.text(text) for text in _user_messages(run)]
        spoken = not turns and any(isinstance(value, str) and value.strip() for value in (run.inputs or {}).values())
        inputs = redactor.value(run.inputs) if spoken else None
        if inputs is not None:  # more than messages
            turns = [json_text(inputs)]
        if not turns:
            imported.silent += 1
            continue
        normalized = _normalized(turns)
        if normalized in seen or str(run.id) in imported_runs:
            imported.existing += 1
            continue
        seen.add(normalized)
        case = _case(run, turns, normalized, project=project, web_url=web_url, redactor=redactor)
        if inputs is not None:
            case.pop("input")
            case["inputs"] = inputs
        imported.cases.append(case)
    return imported


def last_import(existing: Iterable[Case], project: str) -> str | None:
    """When the newest run of a project began of which there is a case (ISO 8601); None if there is none."""
    origins = [case.metadata.get(ORIGIN) for case in existing]
    own = [each for each in origins if isinstance(each, Mapping) and each.get("project") == project]
    began = [str(each["began"]) for each in own if "began" in each]
    return max(began, default=None, key=dt.datetime.fromisoformat)


def append_cases(file: Path, cases: Sequence[Mapping[str, Any]]) -> None:
    """Append cases to a JSONL file, replacing it as a whole.

    Raises:
        InputError: the file is not JSONL.
    """
    present = [value for _, value in read_jsonl(file)] if file.exists() else []
    lines = [json.dumps(case, ensure_ascii=False) + "\n" for case in [*present, *cases]]
    file.parent.mkdir(parents=True, exist_ok=True)
    written = file.with_name(f".{file.name}.new")
    written.write_text("".join(lines), encoding="utf-8")
    written.replace(file)


def _user_messages(run: Run) -> list[str]:
    data = {"inputs": run.inputs, "outputs": run.outputs}
    texts = [content_text(each.get("content")) for each in messages_of_run(data) or () if each.get("role") == "user"]
    return [text for text in texts if text.strip()]


def _asked_in(case: Case, redactor: Redactor) -> list[str]:
    whole = isinstance(case.inputs, Mapping) and len(case.turns) == 1 and case.turns[0].input is case.inputs
    return [redactor.text(json_text(case.inputs))] if whole else [redactor.text(turn.text) for turn in case.turns]


def _normalized(turns: Sequence[str]) -> str:
    """Messages without differences of case and spaces."""
    return "\n".join(" ".join(text.casefold().split()) for text in turns)


def _origin_run(metadata: Mapping[str, Any]) -> str | None:
    origin = metadata.get(ORIGIN)
    return str(origin["run_id"]) if isinstance(origin, Mapping) and "run_id" in origin else None


def _case(
    run: Run, turns: Sequence[str], normalized: str, *, project: str, web_url: str, redactor: Redactor
) -> dict[str, Any]:
    answers = messages_of_run({"inputs": run.inputs, "outputs": run.outputs}) or []
    response = next((content_text(a.get("content")) for a in reversed(answers) if a.get("role") == "assistant"), None)
    origin = {
        "run_id": str(run.id),
        "url": f"{web_url}{run.app_path}" if run.app_path else None,
        "project": project,
        "began": run.start_time.replace(tzinfo=run.start_time.tzinfo or dt.UTC).isoformat(),
        "response": response,
        "error": None if not run.error else run.error.strip().splitlines()[-1],
    }
    kept = redactor.value({name: value for name, value in origin.items() if value})
    inputs = {"input": turns[0]} if len(turns) == 1 else {"turns": [{"user": text} for text in turns]}
    name = hashlib.sha256(normalized.encode()).hexdigest()[:12]
    return {
        "id": f"imported-{name}",
        **inputs,
        "assertions": [_first_assertion(kept.get("response"))],
        "tags": ["imported"],
        "metadata": {ORIGIN: kept},
    }


def _first_assertion(response: str | None) -> dict[str, Any]:
    """An assertion for a case without a reference yet: there is an answer, and it is not the one that was not good."""
    if not response:
        return {"name": "answers", "type": "regex", "value": r"\S"}
    return {"name": "answers_otherwise", "type": "equals", "value": response, "negate": True}
