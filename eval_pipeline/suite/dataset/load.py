"""Load and validate the cases of a suite from all their sources."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.langsmith.datasets import DatasetVersion, LangSmithDatasets
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.suite.attachments import with_digests
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.dataset import Dataset, DatasetOrigin
from eval_pipeline.suite.dataset.schemas import CaseSchemas, source_schemas
from eval_pipeline.suite.documents.document import problems_of
from eval_pipeline.suite.documents.gc_paused import gc_paused
from eval_pipeline.suite.loaders.asset_cases import load_asset_cases
from eval_pipeline.suite.loaders.csv_cases import load_csv_cases
from eval_pipeline.suite.loaders.generated_cases import load_generated_cases
from eval_pipeline.suite.loaders.json_cases import load_json_cases
from eval_pipeline.suite.loaders.jsonl_cases import load_jsonl_cases
from eval_pipeline.suite.loaders.langsmith_dataset import dataset_version, load_langsmith_dataset
from eval_pipeline.suite.loaders.langsmith_runs import load_langsmith_runs
from eval_pipeline.suite.loaders.mapped_rows import load_mapped_rows
from eval_pipeline.suite.loaders.parquet_cases import load_parquet_cases
from eval_pipeline.suite.loaders.raw_case import RawCase
from eval_pipeline.suite.loaders.recorded_cases import load_recorded_cases
from eval_pipeline.suite.loaders.yaml_cases import load_yaml_cases
from eval_pipeline.suite.spec.case_source import (
    AssetCases,
    CaseFile,
    CaseSource,
    GeneratedCases,
    LangSmithDataset,
    LangSmithRuns,
    RecordedConversations,
)
from eval_pipeline.suite.suite import SUITE_FILE, Suite
from eval_pipeline.suite.upstream_assets import asset_reader

LOADERS = {
    ".yaml": load_yaml_cases,
    ".yml": load_yaml_cases,
    ".json": load_json_cases,
    ".jsonl": load_jsonl_cases,
    ".csv": load_csv_cases,
    ".parquet": load_parquet_cases,
}

_REDACTOR = Redactor()


def load_dataset(suite: Suite, *, redactor: Redactor = _REDACTOR) -> Dataset:
    """Load and validate all cases of `suite`.

    Raises:
        InputError: a case is not valid, or there is none; carries every problem in every file.
        CredentialsError: LangSmith refuses the key, if cases are loaded from it.
        TransientError: LangSmith is unreachable.
    """
    loaded, problems = _load(suite.spec.cases, suite)
    if problems:
        raise InputError(problems)
    return Dataset.of([case for case, _ in loaded], redactor=redactor, origin=_origin(loaded))


def case_files(suite: Suite) -> list[Path]:
    """The existing files that the cases of `suite` are loaded from, in order."""
    sources = [source for source in suite.spec.cases if not isinstance(source, LangSmithDataset | AssetCases)]
    patterns = [getattr(source, source.tag).partition(":" if source.tag == "python" else "\0")[0] for source in sources]
    return [file for pattern in patterns for file in _files(pattern, suite)]


def dataset_versions(suite: Suite) -> list[DatasetVersion]:
    """The current versions of the LangSmith datasets that the cases of `suite` are loaded from, in order.

    Raises:
        InputError: there is no such dataset, or no such version of it.
        CredentialsError: LangSmith refuses the key.
        TransientError: LangSmith is unreachable.
    """
    sources = [source for source in suite.spec.cases if isinstance(source, LangSmithDataset)]
    if not sources:
        return []
    with LangSmithDatasets() as datasets:
        return [dataset_version(datasets, source) for source in sources]


def asset_versions(suite: Suite) -> list[str]:
    """The current data versions of the assets that the cases of `suite` are loaded from, in order."""
    keys = [source.asset for source in suite.spec.cases if isinstance(source, AssetCases)]
    return [asset_reader(key).version(key) for key in keys]


def load_cases(sources: Sequence[CaseSource], suite: Suite) -> tuple[list[Case], list[Problem]]:
    """The valid cases of `sources`, and the problems of the others.

    Raises:
        CredentialsError: LangSmith refuses the key, if cases are loaded from it.
        TransientError: LangSmith is unreachable.
    """
    loaded, problems = _load(sources, suite)
    return [case for case, _ in loaded], problems


@gc_paused()
def _load(sources: Sequence[CaseSource], suite: Suite) -> tuple[list[tuple[Case, RawCase]], list[Problem]]:
    cases: dict[str, tuple[Case, RawCase]] = {}
    problems: list[Problem] = []
    for raw, schemas in _raw_cases(sources, suite, problems):
        try:
            case = Case.model_validate(raw.data)
        except ValidationError as error:
            problems += problems_of(error, model=Case, data=raw.data, file=raw.file, case=raw.label, line=raw.line_of)
            continue
        of_dataset = CaseSchemas(inputs=raw.inputs_schema, reference=raw.reference_schema)
        mistakes = [*schemas.mistakes(case), *of_dataset.mistakes(case)]
        problems += [replace(problem, file=raw.file, line=raw.line, case=case.id) for problem in mistakes]
        if case.attachments:
            case, missing = with_digests(case, suite.folder)
            problems += [replace(problem, file=raw.file, line=raw.line, case=case.id) for problem in missing]
        if case.id in cases:
            first = cases[case.id][1]
            place = f"{first.file}:{first.line}" if first.line else str(first.file)
            problems.append(
                Problem(
                    message=f"the id is already taken at {place}",
                    fix="give one of the two another id",
                    file=raw.file,
                    line=raw.line,
                    case=case.id,
                )
            )
            continue
        # Without the raw data, which would double the memory.
        cases[case.id] = (case, replace(raw, data=None, lines={}))
    if not cases and not problems:
        problems.append(
            Problem(message="the suite has no cases", fix="add at least one", file=suite.folder, field="cases")
        )
    return list(cases.values()), problems


def _origin(cases: Sequence[tuple[Case, RawCase]]) -> DatasetOrigin | None:
    """The LangSmith dataset that all cases were loaded from; None if there is no single one."""
    examples = {case.id: raw.example for case, raw in cases if raw.example is not None}
    versions = {(example.version.dataset_id, example.version.as_of): example.version for example in examples.values()}
    if len(examples) != len(cases) or len(versions) != 1:
        return None
    (version,) = versions.values()
    return DatasetOrigin(version=version, examples={name: example.example_id for name, example in examples.items()})


def _collecting_problems(cases: Iterator[RawCase], problems: list[Problem]) -> Iterator[RawCase]:
    try:
        yield from cases
    except InputError as error:
        problems += error.problems


def _raw_cases(
    sources: Sequence[CaseSource], suite: Suite, problems: list[Problem]
) -> Iterator[tuple[RawCase, CaseSchemas]]:
    """The data of each case with the schemas that hold for it."""
    for index, source in enumerate(sources):
        field = f"cases[{index}]"
        schemas, wrong = source_schemas(source, suite.folder, file=suite.folder / SUITE_FILE, field=field)
        problems += wrong
        if isinstance(source, LangSmithDataset):
            cases = _dataset_cases(source, suite, field, problems, alone=len(sources) == 1)
        elif isinstance(source, LangSmithRuns) and not source.is_export:
            cases = _collecting_problems(load_langsmith_runs(source, None), problems)
        elif isinstance(source, AssetCases):
            cases = _collecting_problems(load_asset_cases(source, LOADERS), problems)
        elif isinstance(source, GeneratedCases):
            cases = _collecting_problems(load_generated_cases(source, suite.folder), problems)
        else:
            cases = _file_cases(source, suite, field, problems)
        for raw in cases:
            yield raw, schemas


def _file_cases(source: CaseSource, suite: Suite, field: str, problems: list[Problem]) -> Iterator[RawCase]:
    for file in _files_of(source, suite, field, problems):
        try:
            if isinstance(source, LangSmithRuns):
                yield from load_langsmith_runs(source, file)
            elif isinstance(source, RecordedConversations):
                yield from load_recorded_cases(file, source)
            elif file.suffix not in LOADERS:
                message, fix = f"cases cannot be read from {file.suffix!r} files", f"use one of {', '.join(LOADERS)}"
                problems.append(Problem(message=message, fix=fix, file=file))
            elif isinstance(source, CaseFile) and source.columns:
                yield from load_mapped_rows(file, source.columns)
            else:
                yield from LOADERS[file.suffix](file)
        except InputError as error:
            problems += error.problems
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem(message=f"cannot be read: {error}", fix="make it a readable UTF-8 file", file=file))


def _dataset_cases(
    source: LangSmithDataset, suite: Suite, field: str, problems: list[Problem], *, alone: bool
) -> Iterator[RawCase]:
    file = suite.folder / "suite.yaml"
    if not alone and source.langsmith_dataset == suite.name:
        message = f"cases of several sources are copied to the dataset {suite.name!r}, which is one of the sources"
        fix = "give the suite another name, or load all cases from the dataset"
        problems.append(Problem(message=message, fix=fix, file=file, field=f"{field}.langsmith_dataset"))
        return
    try:
        yield from load_langsmith_dataset(source, problems)
    except InputError as error:
        problems += [
            replace(problem, file=file, field=f"{field}.{problem.field}") if problem.file is None else problem
            for problem in error.problems
        ]


def _files_of(source: CaseSource, suite: Suite, field: str, problems: list[Problem]) -> list[Path]:
    pattern: str = getattr(source, source.tag)
    files = _files(pattern, suite)
    if not files:
        problems.append(
            Problem(
                message=f"no file at {suite.path(pattern)}",
                fix="create it, or correct the path",
                file=suite.folder / "suite.yaml",
                field=f"{field}.{source.tag}",
            )
        )
    return files


def _files(text: str, suite: Suite) -> list[Path]:
    path = suite.path(text)
    if path.is_file() or not any(character in text for character in "*?["):
        return [path] if path.is_file() else []
    # The suite's own folder is not part of the pattern: it may be named `[draft]`.
    pattern = Path(text).expanduser()
    root = Path(pattern.anchor) if pattern.anchor else suite.folder
    return sorted(file for file in root.glob(str(pattern.relative_to(pattern.anchor))) if file.is_file())
