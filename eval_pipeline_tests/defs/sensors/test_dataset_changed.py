"""What a look at the case files leads to: the decision by itself, and the sensor on an instance."""

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langsmith import Client

from eval_pipeline.defs.partitions import RANGE_END_TAG, RANGE_START_TAG, cases_partitions
from eval_pipeline.defs.resources import StoreResource
from eval_pipeline.defs.sensors.dataset_changed import (
    DatasetDecision,
    SeenDataset,
    build_dataset_changed,
    decide,
    read_cursor,
    sources_digest,
)
from eval_pipeline.errors import InputError, TransientError
from eval_pipeline.langsmith.datasets import DatasetVersion
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.suite.dataset.dataset import Dataset
from eval_pipeline.suite.dataset.load import case_files
from eval_pipeline.suite.suite import read_suite
from eval_pipeline_tests.building import a_case
from eval_pipeline_tests.dagster_homes import dagster_instance
from eval_pipeline_tests.small_suite import write_small_suite

AT = 1_000.5
RUN_ID = "01234567-89ab-4cde-8f01-23456789abcd"
ASKS = {"type": "contains", "value": "0"}
BEER = '- id: beer\n  input: What does beer cost?\n  assertions: [{type: contains, value: "0"}]\n'


def _dataset(cases: dict[str, str]) -> Dataset:
    return Dataset.of([a_case(name, input=text) for name, text in cases.items()])


def _hashes(dataset: Dataset) -> dict[str, str]:
    return {case.id: case.content_hash() for case in dataset.cases}


def _decide(before: Dataset | None, now: Dataset, seen: SeenDataset | None) -> DatasetDecision:
    return decide(
        "shop",
        seen=seen,
        before=None if before is None else _hashes(before),
        before_version=None if before is None else before.version,
        now=now,
        files="f",
        at=AT,
    )


def _seen(dataset: Dataset, changes: int = 0) -> SeenDataset:
    return SeenDataset(files="e", dataset_version=dataset.version, since=900, changes=changes)


some_cases = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["hello", "bye"]), min_size=1)


@given(before=some_cases, now=some_cases)
def test_exactly_what_is_new_or_differs_is_evaluated(before: dict[str, str], now: dict[str, str]) -> None:
    first, second = _dataset(before), _dataset(now)

    decision = _decide(first, second, _seen(first))

    assert set(decision.evaluate) == {name for name in now if before.get(name) != now[name]}
    assert list(decision.evaluate) == sorted(decision.evaluate)
    assert decision.seen.dataset_version == second.version
    assert read_cursor(decision.seen.model_dump_json()) == decision.seen


def test_the_first_look_of_a_suite_that_was_never_materialized_evaluates_nothing() -> None:
    decision = _decide(None, _dataset({"a": "hello"}), None)

    assert decision.evaluate == ()
    assert decision.seen == SeenDataset(files="f", dataset_version=decision.seen.dataset_version, since=1_000)


def test_the_same_look_has_the_same_key_and_the_same_change_made_again_another() -> None:
    one, two = _dataset({"a": "hello"}), _dataset({"a": "bye"})
    there = _decide(one, two, _seen(one))
    back = _decide(two, one, there.seen)
    again = _decide(one, two, back.seen)

    assert _decide(one, two, _seen(one)).run_key == there.run_key
    assert len({there.run_key, back.run_key, again.run_key}) == 3


@given(text=st.one_of(st.none(), st.text(), st.just('{"format": 2, "files": "x"}'), st.just("[]"), st.just("null")))
def test_a_cursor_that_cannot_be_read_is_none(text: str | None) -> None:
    assert read_cursor(text) is None


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The small suite, and the sensor that watches it."""

    folder: Path
    instance: dg.DagsterInstance
    store: StoreResource

    def look(self, cursor: str | None) -> dg.SensorResult:
        """One tick."""
        context = dg.build_sensor_context(instance=self.instance, cursor=cursor, resources={"eval_store": self.store})
        result = build_dataset_changed(read_suite(self.folder))(context)
        assert isinstance(result, dg.SensorResult)
        return result

    def edit(self, old: str, new: str) -> None:
        """Change the case file."""
        file = self.folder / "cases.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    @property
    def partitions(self) -> list[str]:
        """Those that are registered."""
        name = cases_partitions("shop").name
        assert name is not None
        return list(self.instance.get_dynamic_partitions(name))


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    folder = write_small_suite(tmp_path / "shop")
    with dagster_instance(tmp_path) as instance:
        yield Watched(folder=folder, instance=instance, store=StoreResource(root=str(tmp_path / "store")))


def _reason(result: dg.SensorResult) -> str:
    assert result.skip_reason is not None
    return str(getattr(result.skip_reason, "skip_message", result.skip_reason))


def test_a_change_is_evaluated_once_with_the_changed_cases_chosen(watched: Watched) -> None:
    first = watched.look(None)
    assert (_reason(first), watched.partitions) == (
        "first tick: later changes will be evaluated",
        ["gold", "milk", "tea"],
    )
    assert _reason(watched.look(first.cursor)) == "the case files have not changed"
    watched.edit("What does tea cost?", "What does green tea cost?")
    watched.edit("- id: milk", BEER + "- id: milk")

    second = watched.look(first.cursor)

    (request,) = second.run_requests or ()
    assert request.run_config["ops"]["shop__case_results"]["config"] == {"cases": ["beer", "tea"]}
    # The new one was registered last, and the range holds both.
    assert watched.partitions == ["gold", "milk", "tea", "beer"]
    assert (request.tags[RANGE_START_TAG], request.tags[RANGE_END_TAG]) == ("tea", "beer")
    # A daemon that died before it wrote the cursor down looks again, and asks for the same run.
    (repeated,) = watched.look(first.cursor).run_requests or ()
    assert repeated.run_key == request.run_key
    assert _reason(watched.look(second.cursor)) == "the case files have not changed"


def test_removed_cases_lose_their_partitions_when_nothing_is_in_flight(watched: Watched) -> None:
    first = watched.look(None)
    run = dg.DagsterRun(
        job_name="evaluate_shop", run_id=RUN_ID, tags={"eval/suite": "shop"}, status=dg.DagsterRunStatus.STARTED
    )
    watched.instance.add_run(run)
    watched.edit("- id: gold", "- id: silver")

    second = watched.look(first.cursor)
    assert "gold" in watched.partitions
    watched.instance.delete_run(run.run_id)
    third = watched.look(second.cursor)

    assert [request.run_config for request in second.run_requests or ()] != []
    assert (_reason(third), watched.partitions) == ("the cases have not changed", ["milk", "tea", "silver"])
    assert _reason(watched.look(third.cursor)) == "the case files have not changed"


def test_cases_that_cannot_be_read_change_nothing(watched: Watched) -> None:
    first = watched.look(None)
    watched.edit("- id: milk", "- idd: milk")

    with pytest.raises(InputError, match="idd"):
        watched.look(first.cursor)

    assert watched.partitions == ["gold", "milk", "tea"]


def test_a_lost_cursor_compares_with_what_was_materialized_last(watched: Watched) -> None:
    watched.look(None)
    version = read_cursor(watched.look(None).cursor)
    assert version is not None
    watched.instance.report_runless_asset_event(
        dg.AssetMaterialization(
            dg.AssetKey(["shop", "test_cases"]), metadata={"eval/dataset_version": version.dataset_version}
        )
    )
    watched.edit("What does tea cost?", "What does green tea cost?")

    (request,) = watched.look("not a cursor").run_requests or ()

    assert request.run_config["ops"]["shop__case_results"]["config"] == {"cases": ["tea"]}


def _version(second: int, name: str = "questions") -> DatasetVersion:
    moment = dt.datetime(2026, 1, 1, second=second, tzinfo=dt.UTC)
    return DatasetVersion(server="http://s", dataset_id=UUID(int=1), name=name, as_of=moment)


def test_another_version_of_a_langsmith_dataset_is_another_digest() -> None:
    digests = [sources_digest([], versions) for versions in ([_version(1)], [_version(2)], [_version(1, "others")], [])]
    assert len(set(digests)) == 4
    assert sources_digest([], [_version(1)]) == digests[0]


def test_a_langsmith_dataset_is_watched_by_its_version(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    with RecorderServer() as server, closing(Client(api_url=server.url, api_key="any")) as client:
        monkeypatch.setenv("EVAL_PIPELINE_RECORDER_URL", server.url)
        dataset = client.create_dataset("questions")
        asked = {"inputs": {"input": "What does tea cost?"}, "metadata": {"case_id": "tea", "assertions": [ASKS]}}
        client.create_examples(dataset_id=dataset.id, examples=[asked])
        suite_file = watched.folder / "suite.yaml"
        suite_file.write_text(
            suite_file.read_text().replace("cases: cases.yaml", "cases: {langsmith_dataset: questions}")
        )
        first = watched.look(None)
        assert (watched.partitions, _reason(watched.look(first.cursor))) == (
            ["tea"],
            "the case files have not changed",
        )
        added = {**asked, "metadata": {"case_id": "milk", "assertions": [ASKS]}}
        client.create_examples(dataset_id=dataset.id, examples=[added])

        second = watched.look(first.cursor)

        (request,) = second.run_requests or ()
        assert request.run_config["ops"]["shop__case_results"]["config"] == {"cases": ["milk"]}
        assert watched.partitions == ["tea", "milk"]
        assert _reason(watched.look(second.cursor)) == "the case files have not changed"
    # The server is away by now: that is not a change.
    with pytest.raises(TransientError, match="cannot be reached"):
        watched.look(second.cursor)
    assert watched.partitions == ["tea", "milk"]


def test_the_digest_is_of_contents_and_not_of_times(watched: Watched) -> None:
    suite = read_suite(watched.folder)
    before = sources_digest(case_files(suite))
    (watched.folder / "cases.yaml").touch()
    assert sources_digest(case_files(suite)) == before
    watched.edit("tea", "coffee")
    assert sources_digest(case_files(suite)) != before
