"""Load cases that a Python callable of the suite makes."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.import_path import resolve
from eval_pipeline.suite.loaders.raw_case import RawCase
from eval_pipeline.suite.spec.case_source import GeneratedCases


def load_generated_cases(source: GeneratedCases, folder: Path) -> Iterator[RawCase]:
    """The cases that the callable yields or returns: mappings as in YAML, or `Case` objects.

    Raises:
        InputError: there is no such callable, it fails, or it gives something else.
    """
    place = f"{source.python}()"
    make = resolve(source.python, folder=folder)
    number = 0
    try:
        for number, item in enumerate(make(**source.args), start=1):
            yield RawCase(data=_data_of(item, number, place), file=place)
    except InputError:
        raise
    except Exception as error:
        message = f"failed after {number} cases with {type(error).__name__}: {error}"
        raise InputError(Problem(message=message, fix="correct the callable", file=place)) from error


def _data_of(item: Any, number: int, place: str) -> dict[str, Any]:
    if isinstance(item, Case):
        return item.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if not isinstance(item, Mapping):
        fix = "yield mappings as in YAML, or `Case` objects"
        raise InputError(Problem(message=f"item {number} is a {type(item).__name__}", fix=fix, file=place))
    return dict(item)
