"""Cases from LangSmith datasets, over HTTP from the recorder with the SDK: read, mapped, and refused with the place."""

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from langsmith import Client
from langsmith.schemas import Example

from eval_pipeline.defs.build import build_definitions
from eval_pipeline.errors import CredentialsError, InputError, Problem, TransientError
from eval_pipeline.langsmith.connection import Connection
from eval_pipeline.recorder.config import RecorderConfig
from eval_pipeline.recorder.faults import Fault
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.redaction.redactor import Redactor
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.store.opening import open_store
from eval_pipeline.suite.case import CASE_ID, Case
from eval_pipeline.suite.dataset.dataset import Dataset
from eval_pipeline.suite.dataset.example_form import OWN_KEYS, example_fields
from eval_pipeline.suite.dataset.load import case_files, load_dataset
from eval_pipeline.suite.dataset.stored import store_dataset, written_cases
from eval_pipeline.suite.loaders.langsmith_dataset import case_data
from eval_pipeline.suite.spec.case_source import LangSmithDataset
from eval_pipeline.tracing.experiment.dataset_sync import sync_dataset
from eval_pipeline_tests.building import a_case, a_suite, write_suite

CONTAINS = {"type": "contains", "value": "42"}


@pytest.fixture(scope="module")
def shared_server() -> Iterator[RecorderServer]:
    with RecorderServer() as running:
        yield running


@pytest.fixture
def server(shared_server: RecorderServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecorderServer]:
    shared_server.recorder.clear()
    monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", shared_server.url)
    yield shared_server
    shared_server.faults.clear()


@pytest.fixture
def client(server: RecorderServer) -> Iterator[Client]:
    sdk = Client(api_url=server.url, api_key="any", auto_batch_tracing=False)
    yield sdk
    sdk.close()


def questions(client: Client, examples: Sequence[Mapping[str, Any]], name: str = "questions") -> None:
    """Add examples to the dataset, which is created if it does not exist."""
    exists = client.has_dataset(dataset_name=name)
    dataset = client.read_dataset(dataset_name=name) if exists else client.create_dataset(name)
    client.create_examples(dataset_id=dataset.id, examples=[dict(example) for example in examples])


def loaded(folder: Path, **source: Any) -> Dataset:
    return load_dataset(a_suite(folder, cases={"langsmith_dataset": "questions", **source}))


def problem_of(folder: Path, **source: Any) -> Problem:
    with pytest.raises(InputError) as caught:
        loaded(folder, **source)
    (problem,) = caught.value.problems
    return problem


def synced(server: RecorderServer, cases: Sequence[Case], name: str) -> None:
    settings = LangSmithSettings(recorder_url=server.url)
    connection = Connection(settings.destinations[0], settings)
    try:
        sync_dataset(connection, suite=name, cases=cases, redactor=Redactor())
    finally:
        connection.close()


def test_examples_of_other_tools_are_cases(client: Client, folder: Path) -> None:
    written = {
        "inputs": {"question": "What is six times seven?"},
        "reference_outputs": {"answer": "42"},
        "metadata": {"level": "easy", "tags": ["maths"], "assertions": [CONTAINS]},
        "split": "test",
    }
    questions(client, [written])
    (example,) = client.list_examples(dataset_name="questions")

    dataset = loaded(folder)

    (case,) = dataset.cases
    assert case == a_case(
        str(example.id),
        inputs={"question": "What is six times seven?"},
        reference={"answer": "42"},
        metadata={"level": "easy"},
        tags=["maths"],
        assertions=[CONTAINS],
        split="test",
    )
    assert dataset.origin is not None
    assert dataset.origin.examples == {case.id: example.id}
    assert dataset.origin.version.dataset_id == example.dataset_id


def test_cases_synced_from_here_are_read_back_as_they_were(server: RecorderServer, folder: Path) -> None:
    cases = [
        a_case("plain"),
        a_case(
            "full",
            description="Grüße",
            turns=[{"user": "one"}, {"user": "two", "assertions": [CONTAINS]}, {"user": ""}],
            assertions=[{"type": "max_turns", "value": 3}],
            reference={"answer": {"deep": [1, None, "x"]}},
            # Keys that the example has a use of its own for.
            metadata={"tags": "mine", "case": {"a": 1}, "level": 2, "assertions": "none", "case_id": "other"},
            runtime={"model": "m", "test_data": {"user": 7}},
            on_interrupt={"*": "yes"},
            tags=["a", "b"],
            split="hard",
        ),
        Case.model_validate({"id": "talk", "simulation": {"goal": "a refund", "model": "openai:gpt-4o"}}),
    ]
    synced(server, cases, "questions")

    read = loaded(folder).cases

    assert {case.id: case for case in read} == {case.id: case for case in cases}
    assert {case.content_hash() for case in read} == {case.content_hash() for case in cases}


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(st.none() | st.booleans() | st.integers() | texts, lambda inner: st.lists(inner, max_size=2))
turns = st.fixed_dictionaries({"user": texts}, optional={"assertions": st.just([CONTAINS])})
some_cases = st.fixed_dictionaries(
    {"id": st.from_regex(CASE_ID, fullmatch=True), "turns": st.lists(turns, min_size=1, max_size=3)},
    optional={
        "reference": st.dictionaries(texts, values, max_size=2),
        "metadata": st.dictionaries(st.sampled_from(sorted(OWN_KEYS)) | texts, values, max_size=3),
        "tags": st.lists(texts, max_size=2),
        "description": texts,
        "on_interrupt": values,
    },
)


@given(data=some_cases)
@example(data={"id": "0", "turns": [{"user": ""}], "metadata": {"assertions": False, "description": "theirs"}})
def test_every_case_is_the_one_that_its_example_is_read_as(data: dict[str, Any]) -> None:
    case = Case.model_validate(data)
    written = json.loads(json.dumps(example_fields(case)))
    split = {"dataset_split": [written.pop("split")], "sync_hash": "h"}
    example = Example(id=UUID(int=1), **{**written, "metadata": {**written["metadata"], **split}})

    read = Case.model_validate(case_data(example, LangSmithDataset(langsmith_dataset="any")))

    assert read.canonical_json() == case.canonical_json()


def test_what_was_redacted_is_read_again_in_the_version_that_was_stored(
    client: Client, folder: Path, tmp_path: Path
) -> None:
    questions(client, [{"inputs": {"input": "I am ann@example.org"}, "metadata": {"case_id": "ann"}}])
    suite = a_suite(folder, cases={"langsmith_dataset": "questions"})
    dataset, store = load_dataset(suite), open_store(str(tmp_path / "store"))
    store_dataset(store, suite.name, dataset)
    (example,) = client.list_examples(dataset_name="questions")
    client.update_example(example.id, inputs={"input": "I am bob@example.org"})

    assert load_dataset(suite).version != dataset.version
    assert written_cases(store, suite, dataset.version) == list(dataset.cases)


def test_many_pages_are_read(server: RecorderServer, folder: Path) -> None:
    cases = [a_case(f"c{number:04}", input=f"question {number}") for number in range(230)]
    synced(server, cases, "questions")
    assert loaded(folder).cases == tuple(cases)


def test_a_version_is_named_by_tag_or_time(client: Client, folder: Path) -> None:
    questions(client, [{"inputs": {"input": "one"}}])
    first = client.read_dataset_version(dataset_name="questions", tag="latest").as_of
    client.update_dataset_tag(dataset_name="questions", as_of=first, tag="prod")
    questions(client, [{"inputs": {"input": "two"}}])

    assert len(loaded(folder).cases) == 2
    assert len(loaded(folder, as_of="prod").cases) == 1
    assert len(loaded(folder, as_of=first).cases) == 1
    assert len(loaded(folder, as_of=first.replace(tzinfo=None).isoformat()).cases) == 1
    assert problem_of(folder, as_of="staging").field == "cases[0].as_of"
    assert problem_of(folder, as_of="2001-01-01").field == "cases[0].as_of"


def test_splits_are_chosen(client: Client, folder: Path) -> None:
    examples = [{"inputs": {"input": name}, "split": name} for name in ("train", "test", "dev")]
    questions(client, [*examples, {"inputs": {"input": "both"}, "split": ["train", "dev"]}])

    cases = loaded(folder, splits=["test", "dev"]).cases

    assert sorted((case.turns[0].text, case.split) for case in cases) == [
        ("both", "dev"),
        ("dev", "dev"),
        ("test", "test"),
    ]
    assert "no examples in other" in problem_of(folder, splits=["other"]).message


def test_where_things_are_in_an_example_can_be_configured(client: Client, folder: Path) -> None:
    example = {
        "inputs": {"ticket": {"no": 17, "body": "It is broken"}},
        "reference_outputs": {"label": "defect", "note": "-"},
        "metadata": {"checks": [CONTAINS], "team": "a"},
    }
    questions(client, [example])

    (case,) = loaded(
        folder,
        id="inputs.ticket.no",
        input="inputs.ticket.body",
        reference={"intent": "outputs.label"},
        metadata={"group": "metadata.team"},
        assertions="metadata.checks",
    ).cases

    assert case == a_case(
        "17",
        inputs={"ticket": {"no": 17, "body": "It is broken"}},
        input="It is broken",
        reference={"intent": "defect"},
        metadata={"group": "a"},
        assertions=[CONTAINS],
    )


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hello"}],
        [{"type": "human", "content": [{"type": "text", "text": "hello"}]}, {"type": "ai", "content": "hi"}],
        [[{"lc": 1, "id": ["langchain", "schema", "messages", "HumanMessage"], "kwargs": {"content": "hello"}}]],
        [{"type": "human", "data": {"content": "hello"}}],
        {"role": "user", "content": "hello"},
    ],
    ids=["openai", "langchain", "serialized", "as dicts", "one"],
)
def test_of_chat_messages_those_of_the_user_are_read(client: Client, folder: Path, messages: Any) -> None:
    questions(client, [{"inputs": {"messages": messages}}])
    assert [turn.text for turn in loaded(folder).cases[0].turns] == ["hello"]


@pytest.mark.parametrize(
    ("example", "field", "fix"),
    [
        ({"inputs": {"input": "hi"}, "metadata": {"case_id": "a b"}}, "id", "letters"),
        ({"inputs": {"input": "hi"}, "metadata": {"assertions": [{"type": "contain"}]}}, "assertions[0]", "contains"),
    ],
)
def test_an_example_that_makes_no_case_is_named(
    client: Client, folder: Path, example: dict[str, Any], field: str, fix: str
) -> None:
    questions(client, [example, {"inputs": {"input": "right"}}])
    wrong = next(
        stored for stored in client.list_examples(dataset_name="questions") if stored.inputs != {"input": "right"}
    )

    problem = problem_of(folder)

    assert problem.file == f"LangSmith dataset 'questions', example {wrong.id}"
    assert (problem.field or "").startswith(field)
    assert fix in problem.fix


def test_an_example_without_what_the_suite_chooses_is_named_with_what_it_has(client: Client, folder: Path) -> None:
    questions(client, [{"inputs": {"text": "hi"}}])
    problem = problem_of(folder, input="inputs.question")
    assert (problem.field, "'text'" in problem.fix) == ("inputs", True)


def test_a_dataset_that_is_missing_or_empty_is_reported_with_its_place(client: Client, folder: Path) -> None:
    missing = problem_of(folder)
    client.create_dataset("questions")

    assert str(missing).startswith(f"{folder}/suite.yaml · cases[0].langsmith_dataset: there is no dataset 'questions'")
    assert "is empty" in problem_of(folder).message


def test_a_refused_key_and_a_failing_server_are_different_errors(
    folder: Path, client: Client, server: RecorderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions(client, [{"inputs": {"input": "one"}}])
    server.faults.add(Fault(status=503, times=1))
    assert len(loaded(folder).cases) == 1, "one answer that fails by chance costs nothing"
    server.faults.add(Fault(status=500, times=None))
    with pytest.raises(TransientError, match=r"'questions' cannot be read from .*: it answers 500"):
        loaded(folder)
    with RecorderServer(config=RecorderConfig(token="right")) as guarded:
        monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", guarded.url)
        monkeypatch.setenv("EVAL_PIPELINE_RECORDER_TOKEN", "wrong")
        with pytest.raises(CredentialsError, match="the server refuses the API key"):
            loaded(folder)


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A URL at which no server listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", url)
        yield url


def test_an_unreachable_server_is_reported_in_a_line(folder: Path, unreachable: str) -> None:
    with pytest.raises(TransientError) as caught:
        loaded(folder)
    message = f"the dataset 'questions' cannot be read from {unreachable}: it cannot be reached."
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("unreachable")
def test_definitions_are_built_without_a_request(folder: Path) -> None:
    write_suite(folder, cases=[], name="sample")
    (folder / "suite.yaml").write_text(
        (folder / "suite.yaml").read_text().replace("cases: cases.yaml", "cases: {langsmith_dataset: questions}")
    )

    definitions = build_definitions(folders=[folder])

    assert definitions.resolve_job_def("evaluate_sample")
    assert case_files(a_suite(folder, cases={"langsmith_dataset": "questions"})) == []


def test_a_suite_of_several_sources_is_not_copied_onto_one_of_them(client: Client, folder: Path) -> None:
    questions(client, [{"inputs": {"input": "one"}}], name="sample")
    (folder / "cases.yaml").write_text("- {id: a, input: hello}\n")
    suite = a_suite(folder, name="sample", cases=[{"langsmith_dataset": "sample"}, "cases.yaml"])
    with pytest.raises(InputError, match="copied to"):
        load_dataset(suite)


def test_cases_of_several_sources_have_no_origin(client: Client, folder: Path) -> None:
    questions(client, [{"inputs": {"input": "one"}}])
    (folder / "cases.yaml").write_text("- {id: a, input: hello}\n")
    dataset = load_dataset(a_suite(folder, cases=[{"langsmith_dataset": "questions"}, "cases.yaml"]))
    assert (len(dataset.cases), dataset.origin) == (2, None)


def test_what_begins_as_a_time_must_be_one(folder: Path) -> None:
    with pytest.raises(ValueError, match="'2026-13-01' is not a time"):
        a_suite(folder, cases={"langsmith_dataset": "questions", "as_of": "2026-13-01"})
