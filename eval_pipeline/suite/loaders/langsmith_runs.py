"""Load runs that LangSmith recorded as cases: the root runs of a project, or of a saved export.

Runs of one thread are the turns of one conversation; conversations of one case are its recorded attempts. Runs of an
experiment are attempts at the cases that its examples are.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jmespath

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.langsmith.datasets import LangSmithDatasets
from eval_pipeline.langsmith.feedback import FeedbackServer
from eval_pipeline.redaction.logs import logger_of
from eval_pipeline.suite.documents.json_document import parse_json_file
from eval_pipeline.suite.documents.text_file import read_text
from eval_pipeline.suite.loaders.jsonl_cases import read_jsonl
from eval_pipeline.suite.loaders.langsmith_dataset import ExampleError, case_data
from eval_pipeline.suite.loaders.raw_case import RawCase
from eval_pipeline.suite.loaders.recorded_run import UnreadableRunError, conversation_of
from eval_pipeline.suite.spec.case_source import LangSmithDataset, LangSmithRuns

_THREAD = "extra.metadata.thread_id || extra.metadata.session_id || extra.metadata.conversation_id || id"
_KEPT = ("trace_id", "start_time", "end_time", "total_tokens", "total_cost", "error", "feedback_stats")
_BUCKETS = 1_000_000
_NAMED = 5
_log = logger_of(__name__)

Run = Mapping[str, Any]


def load_langsmith_runs(source: LangSmithRuns, file: Path | None) -> Iterator[RawCase]:
    """One case for each distinct id among the root runs of the export `file`, or else of the project.

    Conversations that cannot be read are skipped, and named in a warning.

    Raises:
        InputError: there is no such project, the export cannot be read, or no run in it can.
        CredentialsError: LangSmith refused the key.
        TransientError: LangSmith could not be reached.
    """
    place = Path(f"langsmith:{source.langsmith}") if file is None else file
    runs, below = _of_project(source) if file is None else _split(_of_export(file))
    threads: dict[tuple[str, str], list[Run]] = {}
    for run in sorted(runs, key=lambda run: str(run.get("start_time"))):
        key = (str(jmespath.search(source.id, run)), str(jmespath.search(_THREAD, run)))
        if _is_sampled(key[1], source.sample) and not (source.since and str(run.get("start_time")) <= source.since):
            threads.setdefault(key, []).append(run)
    recordings: dict[str, list[dict[str, Any]]] = {}
    of_case: dict[str, Run] = {}
    unreadable: list[Problem] = []
    for (case_id, _), thread in threads.items():
        try:
            recording = conversation_of(thread, below, source)
        except UnreadableRunError as error:
            unreadable.append(Problem(message=str(error), fix=error.fix, file=place, case=case_id))
            continue
        data = {"run_ids": [str(run.get("id")) for run in thread], **{name: thread[-1].get(name) for name in _KEPT}}
        recordings.setdefault(case_id, []).append({**recording, "data": data})
        of_case.setdefault(case_id, thread[-1])
    if unreadable and not recordings:
        raise InputError(unreadable)
    if unreadable:
        shown = "; ".join(problem.message for problem in unreadable[:_NAMED])
        counts = f"{len(unreadable)} of {len(threads)} conversations"
        _log.warning("%s of %s are skipped: %s", counts, place, shown)
    examples = {} if file is not None else _examples(list(of_case.values()))
    for case_id, attempts in recordings.items():
        fields = {
            **examples.get(str(of_case[case_id].get("reference_example_id")), {}),
            **_fields(of_case[case_id], source),
        }
        yield RawCase(data={**fields, "id": case_id, "recordings": attempts}, file=place)


def _fields(run: Run, source: LangSmithRuns) -> dict[str, Any]:
    """The fields of a case that the suite reads from its last run."""
    fields: dict[str, Any] = {}
    if isinstance(source.reference, str):
        fields["reference"] = jmespath.search(source.reference, run)
    elif source.reference is not None:
        fields["reference"] = {name: jmespath.search(path, run) for name, path in source.reference.items()}
    if source.split is not None and (split := jmespath.search(source.split, run)) is not None:
        fields["split"] = str(split)
    if source.metadata:
        fields["metadata"] = {name: jmespath.search(path, run) for name, path in source.metadata.items()}
    return fields


def _examples(runs: Sequence[Run]) -> dict[str, dict[str, Any]]:
    """The cases that the examples of runs of experiments are, by the example's id; without what cannot be read."""
    ids = sorted({str(run["reference_example_id"]) for run in runs if run.get("reference_example_id")})
    if not ids:
        return {}
    cases: dict[str, dict[str, Any]] = {}
    source = LangSmithDataset(langsmith_dataset="of the experiment")
    with LangSmithDatasets() as datasets:
        for example in datasets.examples_by_id(ids):
            try:
                case = case_data(example, source)
            except ExampleError as error:
                _log.warning("the example %s cannot be read: %s", example.id, error)
                continue
            cases[str(example.id)] = {name: value for name, value in case.items() if name != "simulation"}
    return cases


def _is_sampled(thread: str, share: float) -> bool:
    return share >= 1 or int(hashlib.sha256(thread.encode()).hexdigest(), 16) % _BUCKETS < share * _BUCKETS


def _of_project(source: LangSmithRuns) -> tuple[list[Run], list[Run]]:
    """The root runs of a project, and the turns and calls of tools below them."""
    with FeedbackServer() as server:
        try:
            where = [source.filter] if source.filter else []
            where += [f'gt(start_time, "{source.since}")'] if source.since else []
            condition = where[0] if len(where) == 1 else f"and({', '.join(where)})" if where else None
            roots = server.root_runs(source.langsmith, where=condition, error=None, limit=source.limit)
            below = server.turns_and_tools(source.langsmith, roots)
        except InputError as error:
            fix = "correct the name, or name an export (`.json`, `.jsonl`) that is there"
            raise InputError([replace(problem, field="cases", fix=fix) for problem in error.problems]) from error
    return [run.model_dump(mode="json") for run in roots], [run.model_dump(mode="json") for run in below]


def _split(runs: Iterable[Run]) -> tuple[list[Run], list[Run]]:
    whole = list(runs)
    below = [run for run in whole if run.get("parent_run_id") is not None]
    return [run for run in whole if run.get("parent_run_id") is None], below


def _of_export(file: Path) -> Iterable[Run]:
    if file.suffix == ".jsonl":
        return [run for _, run in read_jsonl(file)]
    data = parse_json_file(file, read_text(file))
    runs = data.get("runs") if isinstance(data, dict) else data
    if not isinstance(runs, list):
        fix = "write a JSON list of runs, or `{runs: […]}`, or JSONL"
        raise InputError(Problem(message="not a list of runs", fix=fix, file=file))
    return runs
