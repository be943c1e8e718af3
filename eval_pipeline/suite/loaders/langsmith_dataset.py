"""Load the examples of a LangSmith dataset as cases."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jmespath
from langsmith.schemas import Example

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.langsmith.datasets import DatasetVersion, LangSmithDatasets
from eval_pipeline.messages import read_messages
from eval_pipeline.suite.dataset.example_form import OWN_KEYS, TURN_ASSERTIONS, rest_of
from eval_pipeline.suite.loaders.raw_case import ExamplePlace, RawCase
from eval_pipeline.suite.spec.case_source import LATEST_VERSION, LangSmithDataset


def load_langsmith_dataset(source: LangSmithDataset, problems: list[Problem]) -> Iterator[RawCase]:
    """A case for each example. For an example that is no valid case, a problem is added to `problems`.

    Raises:
        InputError: there is no such dataset, no such version of it, or no example in it.
        CredentialsError: the server refuses the key.
        TransientError: the server is unreachable.
    """
    with LangSmithDatasets() as datasets:
        version = dataset_version(datasets, source)
        empty = True
        for example in datasets.examples(version, source.splits):
            empty = False
            file = f"LangSmith dataset {version.name!r}, example {example.id}"
            try:
                data = case_data(example, source)
            except ExampleError as error:
                problems.append(Problem(message=str(error), fix=error.fix, file=file, field=error.field))
                continue
            yield RawCase(data=data, file=file, example=ExamplePlace(version=version, example_id=example.id))
    if empty:
        raise InputError(_no_examples(source))


def dataset_version(datasets: LangSmithDatasets, source: LangSmithDataset) -> DatasetVersion:
    """The version that `source` names, read with two small requests.

    Raises:
        InputError: there is no such dataset, or no such version of it; its problem's field is one of `source`.
        CredentialsError: the server refuses the key.
        TransientError: the server is unreachable.
    """
    moment = source.moment
    version = datasets.version(source.langsmith_dataset, as_of=moment, tag=source.as_of if moment is None else None)
    if version is None:
        raise InputError(_no_version(source))
    return version


def _no_version(source: LangSmithDataset) -> Problem:
    if source.as_of == LATEST_VERSION:
        return _no_examples(source)
    message = f"the dataset {source.langsmith_dataset!r} has no version {source.as_of!r}"
    return Problem(message=message, fix="name one of its tags, a later time, or `latest`", field="as_of")


def _no_examples(source: LangSmithDataset) -> Problem:
    name = source.langsmith_dataset
    if source.splits:
        message = f"the dataset {name!r} has no examples in {', '.join(source.splits)}"
        return Problem(message=message, fix="name splits that it has", field="splits")
    return Problem(message=f"the dataset {name!r} is empty", fix="add examples to it", field="langsmith_dataset")


class ExampleError(Exception):
    """An example that is no valid case."""

    def __init__(self, message: str, *, field: str, fix: str) -> None:
        super().__init__(message)
        self.field, self.fix = field, fix


def case_data(example: Example, source: LangSmithDataset) -> dict[str, Any]:
    """The case of an example, as it would be written in YAML.

    Raises:
        ExampleError: the example is no valid case.
    """
    return _mapped(_as_data(example, source.splits), source)


def _as_data(example: Example, selected: Sequence[str]) -> dict[str, Any]:
    """The data that JMESPaths search. An example of several splits is in the first selected one."""
    metadata = dict(example.metadata or {})
    stored = metadata.get("dataset_split") or []
    splits = [stored] if isinstance(stored, str) else list(stored)
    return {
        "id": str(example.id),
        "inputs": dict(example.inputs or {}),
        "outputs": dict(example.outputs or {}),
        "metadata": metadata,
        "split": next((split for split in splits if not selected or split in selected), None),
    }


def _mapped(example: Mapping[str, Any], source: LangSmithDataset) -> dict[str, Any]:
    rest = rest_of(example["metadata"])
    turn_assertions = rest.pop(TURN_ASSERTIONS, [])
    own = {name: value for name, value in example["metadata"].items() if name not in OWN_KEYS}
    case: dict[str, Any] = {
        "id": _search("id", source.id, example),
        "turns": _turns(example, source, turn_assertions, may_be_empty="simulation" in rest),
        "reference": _each("reference", source.reference, example, otherwise=example["outputs"]),
        "metadata": _each("metadata", source.metadata, example, otherwise={**own, **rest.pop("metadata", {})}),
    }
    for name in ("split", "tags", "description", "assertions"):
        case[name] = _search(name, getattr(source, name), example)
    return {**{name: value for name, value in case.items() if value is not None}, **rest}


def _turns(
    example: Mapping[str, Any], source: LangSmithDataset, assertions: Sequence[Any], *, may_be_empty: bool
) -> list[dict[str, Any]]:
    input_ = _search("input", source.input, example)
    try:
        texts = _user_texts(input_)
    except InputError as error:
        problem = error.problems[0]
        raise ExampleError(problem.message, field="inputs", fix=problem.fix) from error
    if not texts and not may_be_empty:
        keys = ", ".join(map(repr, example["inputs"])) or "nothing"
        fix = f"set `input:` in suite.yaml to its path; the example's inputs have {keys}"
        raise ExampleError(f"no message of the user at `{source.input}`", field="inputs", fix=fix)
    if any(assertions[len(texts) :]):
        fix = f"write {len(assertions)} messages, or remove the assertions of the others from `metadata.case`"
        raise ExampleError(
            f"assertions on turn {len(assertions)}, and there are {len(texts)} turns", field="inputs.messages", fix=fix
        )
    asserted = [*assertions, *([] for _ in texts)]
    return [
        {"user": text, "assertions": asked} if asked else {"user": text}
        for text, asked in zip(texts, asserted, strict=False)
    ]


def _user_texts(messages: Any) -> list[str]:
    """The texts of the user, given as texts or as messages of any form."""
    if not isinstance(messages, str | Mapping | list):
        return []
    return [message.text for message in read_messages(messages) if message.role == "user"]


def _each(
    field: str, paths: Mapping[str, str] | None, example: Mapping[str, Any], *, otherwise: Mapping[str, Any]
) -> dict[str, Any]:
    if paths is None:
        return dict(otherwise)
    return {name: _search(f"{field}.{name}", path, example) for name, path in paths.items()}


def _search(field: str, path: str, example: Mapping[str, Any]) -> Any:
    try:
        return jmespath.search(path, example)
    except jmespath.exceptions.JMESPathError as error:
        fix = f"correct the JMESPath {path!r} in suite.yaml, or the example"
        raise ExampleError(f"cannot be searched: {error}", field=field, fix=fix) from error
