"""Load runs that LangSmith recorded as cases: the root runs of a project, or of a saved export.

Runs of one thread are the turns of one conversation; conversations of one case are its recorded attempts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jmespath

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.langsmith.feedback import FeedbackServer
from eval_pipeline.messages import as_openai, read_messages
from eval_pipeline.suite.documents.json_document import parse_json_file
from eval_pipeline.suite.documents.text_file import read_text
from eval_pipeline.suite.loaders.jsonl_cases import read_jsonl
from eval_pipeline.suite.loaders.raw_case import RawCase
from eval_pipeline.suite.spec.case_source import LangSmithRuns

_THREAD = "extra.metadata.thread_id || extra.metadata.session_id || extra.metadata.conversation_id || id"
_RESPONSES = ("choices", "candidates", "role")
_KEPT = ("trace_id", "start_time", "end_time", "total_tokens", "total_cost", "error", "feedback_stats")


def load_langsmith_runs(source: LangSmithRuns, file: Path | None) -> Iterator[RawCase]:
    """One case for each distinct id among the root runs of the export `file`, or else of the project.

    Raises:
        InputError: there is no such project, the export cannot be read, or a run has no messages.
        CredentialsError: LangSmith refused the key.
        TransientError: LangSmith could not be reached.
    """
    place = Path(f"langsmith:{source.langsmith}") if file is None else file
    runs = list(_of_project(source) if file is None else _of_export(file))
    threads: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for run in sorted(runs, key=lambda run: str(run.get("start_time"))):
        if run.get("parent_run_id") is None:
            key = (str(jmespath.search(source.id, run)), str(jmespath.search(_THREAD, run)))
            threads.setdefault(key, []).append(run)
    recordings: dict[str, list[dict[str, Any]]] = {}
    for (case_id, _), thread in threads.items():
        recordings.setdefault(case_id, []).append(_recording(case_id, thread, place))
    for case_id, attempts in recordings.items():
        yield RawCase(data={"id": case_id, "recordings": attempts}, file=place)


def _of_project(source: LangSmithRuns) -> Iterator[Mapping[str, Any]]:
    with FeedbackServer() as server:
        try:
            runs = server.root_runs(source.langsmith, where=source.filter, error=None, limit=source.limit)
        except InputError as error:
            fix = "correct the name, or name an export (`.json`, `.jsonl`) that is there"
            raise InputError([replace(problem, field="cases", fix=fix) for problem in error.problems]) from error
    for run in runs:
        yield run.model_dump(mode="json")


def _of_export(file: Path) -> Iterable[Mapping[str, Any]]:
    if file.suffix == ".jsonl":
        return [run for _, run in read_jsonl(file)]
    data = parse_json_file(file, read_text(file))
    runs = data.get("runs") if isinstance(data, dict) else data
    if not isinstance(runs, list):
        fix = "write a JSON list of runs, or `{runs: […]}`, or JSONL"
        raise InputError(Problem(message="not a list of runs", fix=fix, file=file))
    return runs


def _recording(case_id: str, runs: list[Mapping[str, Any]], place: Path) -> dict[str, Any]:
    messages: list[dict[str, Any]] = []
    for run in runs:
        try:
            of_run = messages_of_run(run)
        except InputError as error:
            message = f"the run {run.get('id')} cannot be read: {error.problems[0].message}"
            fix = error.problems[0].fix
            raise InputError(Problem(message=message, fix=fix, file=place, case=case_id)) from error
        if not of_run:
            fix = "filter such runs out, or record conversations as `messages`"
            message = f"the run {run.get('id')} has no messages and no text in its inputs and outputs"
            raise InputError(Problem(message=message, fix=fix, file=place, case=case_id))
        # The later runs of a thread usually contain the conversation so far.
        messages = of_run if _starts_with(of_run, messages) else [*messages, *of_run]
    data = {"run_ids": [str(run.get("id")) for run in runs], **{name: runs[-1].get(name) for name in _KEPT}}
    return {"messages": messages, "data": data}


def _starts_with(messages: Sequence[Mapping[str, Any]], start: Sequence[Mapping[str, Any]]) -> bool:
    pairs = zip(messages, start, strict=False)
    same = all(
        (one.get("role"), one.get("content")) == (other.get("role"), other.get("content")) for one, other in pairs
    )
    return len(messages) >= len(start) and same


def messages_of_run(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The conversation of a run as OpenAI-style messages.

    Raises:
        InputError: a message has a form that is not known.
    """
    inputs, outputs = run.get("inputs") or {}, run.get("outputs") or {}
    asked, answered = _list_of(inputs), _list_of(outputs)
    if asked and answered and _starts_with(answered, asked):
        return answered
    asked = asked or _text("user", inputs)
    return [*asked, *(answered or _text("assistant", outputs))] if asked else []


def _list_of(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    messages = data.get("messages") or jmespath.search("output.messages || generations[*][].message", data)
    if messages is None and any(data.get(name) for name in _RESPONSES):
        messages = data  # a response of OpenAI's APIs or of Anthropic's, as wrapped clients trace it
    return [as_openai(message) for message in read_messages(messages)] if isinstance(messages, list | dict) else []


def _text(role: str, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    text = next((value for value in data.values() if isinstance(value, str)), None)
    return [] if text is None else [{"role": role, "content": text}]
