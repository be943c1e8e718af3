"""The suites a server offers, and the runner that evaluates a request.

Each request reads its suite again, so that edits apply without a restart.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from eval_pipeline.errors import InfrastructureError, InputError, Problem
from eval_pipeline.pipeline.runner import EvalRunner
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.check import check_suite
from eval_pipeline.suite.discovery import suite_folder, suite_folders
from eval_pipeline.suite.documents.document import problems_of
from eval_pipeline.suite.import_path import is_code_path
from eval_pipeline.suite.named_case import id_of_name
from eval_pipeline.suite.suite import read_suite


class Catalog:
    """Suites by name: those in `folders`, by default all discovered suites."""

    def __init__(self, folders: Sequence[Path] = (), *, store: str | None = None) -> None:
        self._folders, self._store = folders, store

    def suites(self) -> list[dict[str, Any]]:
        """`{name, description, target, problems, cases}` of each; cases as `{id, description, split, tags, turns}`."""
        return [_described(folder) for folder in self._folders or suite_folders()]

    def runner(self, suite: str, **options: Any) -> EvalRunner:
        """The runner of the suite of that name.

        Raises:
            InputError: There is no such suite, or it is invalid.
        """
        if not self._folders:
            # By name only: a request must not select folders of the server.
            if suite not in {offered["name"] for offered in self.suites()}:
                raise _no_suite(suite)
            return EvalRunner(suite_folder(suite), store=self._store, **options)
        for folder in self._folders:
            if read_suite(folder).name == suite:
                return EvalRunner(folder, store=self._store, **options)
        raise _no_suite(suite)

    def case_named(self, name: str, *, suite: str | None = None) -> tuple[str, str]:
        """The suite and the id of the case with the id, or the name, `name`.

        Raises:
            InputError: No suite has such a case, or several have.
        """
        case_id = id_of_name(name)
        having = [
            offered["name"]
            for offered in self.suites()
            if suite in (None, offered["name"]) and any(case["id"] == case_id for case in offered["cases"])
        ]
        if not having:
            message = f"{'no suite' if suite is None else f'no suite {suite!r}'} has a case {name!r}"
            raise InputError(Problem(message=message, fix="use the id of a case that GET /api/suites lists"))
        if len(having) > 1:
            message = f"several suites have a case {name!r}: {', '.join(having)}"
            raise InputError(Problem(message=message, fix="choose one with `suite=`"))
        return having[0], case_id


def _no_suite(name: str) -> InputError:
    return InputError(Problem(message=f"no suite {name!r}", fix="use a name that GET /api/suites lists"))


def _described(folder: Path) -> dict[str, Any]:
    try:
        suite, cases, problems = check_suite(folder)
    except InfrastructureError as error:
        # Its cases are on a server that does not answer; the other suites are listed all the same.
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


def case_of_request(case: Mapping[str, Any] | str) -> Case | str:
    """Validate a case from the network: an id, or a whole case that names no code.

    Raises:
        InputError: It is invalid, or it has an import path, which only a suite's own files may have.
    """
    if isinstance(case, str):
        return case
    try:
        validated = Case.model_validate(dict(case))
    except ValidationError as error:
        name = str(case.get("id"))
        raise InputError(problems_of(error, model=Case, data=dict(case), file="the request", case=name)) from error
    for field, text in _code(validated.model_dump(mode="json", by_alias=True, exclude_defaults=True)):
        message = f"a case of a request may not name code, and {text!r} does"
        raise InputError(Problem(message=message, fix="put the case into the suite", case=validated.id, field=field))
    return validated


def refuse_code(runtime: Mapping[str, Any]) -> None:
    """Refuse runtime options of a request that name an import path as the model.

    Raises:
        InputError: The model is an import path.
    """
    model = runtime.get("model")
    if isinstance(model, str) and is_code_path(model):
        fix = "name a model as `provider:model`"
        raise InputError(Problem(message=f"a request may not name code, and {model!r} does", fix=fix, field="runtime"))


def _code(value: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Field and text of each import path in a case: values of `path` and `script`, and code paths anywhere."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            place = f"{field}.{key}" if field else str(key)
            if isinstance(item, str) and (key in ("path", "script") or is_code_path(item)):
                yield place, item
            yield from _code(item, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _code(item, f"{field}[{index}]")
