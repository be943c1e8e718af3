"""The suites a server offers, and the runner of a request.

Suites are read anew for each request, so that what is edited is what runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from eval_pipeline.errors import InfrastructureError, InputError, Problem
from eval_pipeline.pipeline.runner import EvalRunner
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.checking.check import check_suite
from eval_pipeline.suite.discovery import suite_folder, suite_folders
from eval_pipeline.suite.documents.document import problems_of
from eval_pipeline.suite.import_path import is_code_path
from eval_pipeline.suite.suite import read_suite


class Catalog:
    """Suites by name: those of `folders`, by default all that are found."""

    def __init__(self, folders: Sequence[Path] = (), *, store: str | None = None) -> None:
        self._folders, self._store = folders, store

    def suites(self) -> list[dict[str, Any]]:
        """`{name, description, target, problems, cases}` of each; cases as `{id, description, split, tags, turns}`."""
        return [_described(folder) for folder in self._folders or suite_folders()]

    def runner(self, suite: str, **given: Any) -> EvalRunner:
        """What evaluates cases of the suite of that name.

        Raises:
            InputError: there is no such suite, or it is wrong.
        """
        if not self._folders:
            # By name only: a folder of the server's is nothing a request may choose.
            if suite not in {found["name"] for found in self.suites()}:
                raise _no_suite(suite)
            return EvalRunner(suite_folder(suite), store=self._store, **given)
        for folder in self._folders:
            if read_suite(folder).name == suite:
                return EvalRunner(folder, store=self._store, **given)
        raise _no_suite(suite)


def _no_suite(name: str) -> InputError:
    return InputError(Problem(message=f"no suite {name!r}", fix="ask for one that GET /api/suites names"))


def _described(folder: Path) -> dict[str, Any]:
    try:
        suite, cases, problems = check_suite(folder)
    except InfrastructureError as error:
        # Its cases are on a server; the other suites are there all the same.
        suite, cases, problems = read_suite(folder), [], [Problem(message=error.message, fix=error.fix, file=folder)]
    return {
        "name": folder.name if suite is None else suite.name,
        "description": None if suite is None else suite.spec.description,
        "target": None if suite is None else suite.spec.target.kind,
        "problems": [str(problem) for problem in problems],
        "cases": [
            {
                "id": case.id,
                "description": case.description,
                "split": case.split,
                "tags": list(case.tags),
                "turns": len(case.turns),
            }
            for case in sorted(cases, key=lambda case: case.id)
        ],
    }


def case_of_request(given: Mapping[str, Any] | str) -> Case | str:
    """A case that came over the network: an id, or a case that names no code.

    Raises:
        InputError: it is wrong, or it names an import path, which only a suite's own files may.
    """
    if isinstance(given, str):
        return given
    try:
        case = Case.model_validate(dict(given))
    except ValidationError as error:
        name = str(given.get("id"))
        raise InputError(problems_of(error, model=Case, data=dict(given), file="the request", case=name)) from error
    for field, text in _code(case.model_dump(mode="json", by_alias=True, exclude_defaults=True)):
        message = f"a case of a request may not name code, and {text!r} does"
        raise InputError(Problem(message=message, fix="put the case into the suite", case=case.id, field=field))
    return case


def refuse_code(runtime: Mapping[str, Any]) -> None:
    """Raise if a request's runtime options name an import path as the model.

    Raises:
        InputError: they do.
    """
    model = runtime.get("model")
    if isinstance(model, str) and is_code_path(model):
        fix = "name a model as `provider:model`"
        raise InputError(Problem(message=f"a request may not name code, and {model!r} does", fix=fix, field="runtime"))


def _code(value: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Import paths that would be resolved: whatever stands under `path` or `script`, and code paths anywhere."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            place = f"{field}.{key}" if field else str(key)
            if isinstance(item, str) and (key in ("path", "script") or is_code_path(item)):
                yield place, item
            yield from _code(item, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _code(item, f"{field}[{index}]")
