"""Load the examples of a LangSmith dataset as cases."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jmespath
from langsmith.schemas import Example

from eval_pipeline.content.inputs import history_and_input, messages_of
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.langsmith.datasets import DatasetVersion, LangSmithDatasets, ListedExample
from eval_pipeline.suite.dataset.example_form import CONVERSATION, OWN_KEYS, TURN_ASSERTIONS, rest_of
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
        empty, schemas = True, datasets.schemas.get(version.dataset_id, (None, None))
        for listed in datasets.examples(version, source.splits):
            empty, example = False, listed.example
            file = f"LangSmith dataset {version.name!r}, example {example.id}"
            try:
                data = case_data(example, source)
                if listed.files:
                    data["attachments"] = {**_attachments(listed), **data.get("attachments", {})}
            except ExampleError as error:
                problems.append(Problem(message=str(error), fix=error.fix, file=file, field=error.field))
                continue
            yield RawCase(
                data=data,
                file=file,
                example=ExamplePlace(version=version, example_id=example.id),
                inputs_schema=schemas[0],
                reference_schema=schemas[1],
            )
    if empty:
        raise InputError(_no_examples(source))


def _attachments(listed: ListedExample) -> dict[str, Any]:
    """The files of an example as attachments of its case."""
    example = listed.example
    modified = None if example.modified_at is None else example.modified_at.isoformat()
    return {
        name: {
            "langsmith": {"example": str(example.id), "name": name, "modified_at": modified},
            "mime_type": file.mime_type,
        }
        for name, file in listed.files.items()
    }


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
    own = {name: value for name, value in example["metadata"].items() if name not in OWN_KEYS}
    case: dict[str, Any] = {
        "id": _search("id", source.id, example),
        "reference": _each("reference", source.reference, example, otherwise=example["outputs"]),
        "metadata": _each("metadata", source.metadata, example, otherwise={**own, **rest.pop("metadata", {})}),
    }
    for name in ("split", "tags", "description", "assertions"):
        case[name] = _search(name, getattr(source, name), example)
    spoken = _conversation(example, source, rest)
    return {**{name: value for name, value in case.items() if value is not None}, **spoken, **rest}


def _conversation(example: Mapping[str, Any], source: LangSmithDataset, rest: dict[str, Any]) -> dict[str, Any]:
    """`inputs`, `messages` and `turns` of the case; what `rest` has of them is taken from it."""
    inputs, written = example["inputs"], rest.pop(CONVERSATION, None)
    assertions = rest.pop(TURN_ASSERTIONS, [])
    spoken: dict[str, Any] = {}
    turns: list[Any] = rest.pop("turns", [])
    if "sync_hash" in example["metadata"] and source.input is None and written != "inputs":
        if written is None:
            turns = _texts(inputs.get("messages", inputs.get("input"))) or []
        elif written == "turn":
            turns = [inputs]
    else:
        spoken["inputs"] = rest.pop("inputs", inputs)
        if written is None:
            spoken["messages"], turns = _foreign(example, source)
    if messages := rest.pop("messages", None):
        spoken["messages"] = messages
    if any(assertions[len(turns) :]):
        fix = f"write {len(assertions)} messages, or remove the assertions of the others from `metadata.case`"
        message = f"assertions on turn {len(assertions)}, and there are {len(turns)} turns"
        raise ExampleError(message, field="inputs.messages", fix=fix)
    if turns:
        asserted = [*assertions, *([] for _ in turns)]
        spoken["turns"] = [
            {"input": each, "assertions": asked} if asked else {"input": each}
            for each, asked in zip(turns, asserted, strict=False)
        ]
    return spoken


def _foreign(example: Mapping[str, Any], source: LangSmithDataset) -> tuple[list[Any], list[Any]]:
    """The history and the turns of an example that another tool wrote."""
    inputs = example["inputs"]
    chosen = next(iter(inputs.values())) if source.input is None and len(inputs) == 1 else None
    if source.input is not None and (chosen := _search("input", source.input, example)) is None:
        keys = ", ".join(map(repr, inputs)) or "nothing"
        fix = f"set `input:` in suite.yaml to its path; the example's inputs have {keys}"
        raise ExampleError(f"nothing at `{source.input}`", field="inputs", fix=fix)
    if (texts := _texts(chosen)) is not None and not isinstance(chosen, str):
        return [], texts
    if source.input is None:
        chosen = inputs
    elif isinstance(chosen, list | Mapping):
        as_messages = {"messages": chosen}
        chosen = as_messages if messages_of(as_messages) else chosen
    history, asked = history_and_input(chosen)
    return history, [asked]


def _texts(value: Any) -> list[str] | None:
    """Texts of the user, a turn each; None if it is something else."""
    several = [value] if isinstance(value, str) else value
    texts = isinstance(several, list) and bool(several) and all(isinstance(item, str) for item in several)
    return list(several) if texts else None


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
