"""Datasets, examples and their versions through the SDK, in every profile."""

from uuid import NAMESPACE_URL, uuid5

import pytest
from langsmith import Client
from langsmith.utils import LangSmithConflictError, LangSmithNotFoundError

from eval_pipeline.recorder.config import InfoProfile
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline_tests.recorder.frames import a_client


def with_examples(client: Client, count: int = 3) -> tuple[str, list[str]]:
    """A dataset `cases` and the ids of its examples."""
    dataset = client.create_dataset("cases", description="some cases", metadata={"owner": "tests"})
    ids = [str(uuid5(NAMESPACE_URL, f"case-{number}")) for number in range(count)]
    client.create_examples(
        dataset_id=dataset.id,
        examples=[
            {
                "id": identity,
                "inputs": {"n": number},
                "reference_outputs": {"double": 2 * number},
                "metadata": {"case_id": f"case-{number}"},
                "split": "odd" if number % 2 else "even",
            }
            for number, identity in enumerate(ids)
        ],
    )
    return str(dataset.id), ids


def test_a_dataset_is_found_by_name_and_id_and_a_second_of_its_name_is_refused(client: Client) -> None:
    dataset_id, _ = with_examples(client)
    assert client.has_dataset(dataset_name="cases")
    read = client.read_dataset(dataset_name="cases")
    assert (str(read.id), read.example_count, read.description) == (dataset_id, 3, "some cases")
    assert (read.metadata or {})["owner"] == "tests"
    assert [dataset.name for dataset in client.list_datasets()] == ["cases"]
    with pytest.raises(LangSmithConflictError):
        client.create_dataset("cases")
    client.delete_dataset(dataset_name="cases")
    with pytest.raises(LangSmithNotFoundError):
        client.read_dataset(dataset_id=dataset_id)


def test_examples_are_listed_in_order_over_many_pages(client: Client) -> None:
    dataset_id, ids = with_examples(client, 230)
    listed = list(client.list_examples(dataset_id=dataset_id))
    assert [str(example.id) for example in listed] == ids
    assert (listed[7].inputs, listed[7].outputs) == ({"n": 7}, {"double": 14})
    assert (listed[7].metadata or {})["dataset_split"] == ["odd"]
    assert len(list(client.list_examples(dataset_id=dataset_id, splits=["even"]))) == 115
    by_metadata = list(client.list_examples(dataset_id=dataset_id, metadata={"case_id": "case-9"}))
    assert [str(example.id) for example in by_metadata] == [ids[9]]
    assert {str(example.id) for example in client.list_examples(example_ids=ids[:2])} == set(ids[:2])


def test_every_version_can_be_read_again_by_time_and_by_tag(client: Client) -> None:
    dataset_id, ids = with_examples(client)
    first = client.read_dataset_version(dataset_id=dataset_id, tag="latest").as_of
    client.update_dataset_tag(dataset_id=dataset_id, as_of=first, tag="pinned")
    client.update_examples(dataset_id=dataset_id, updates=[{"id": ids[0], "outputs": {"double": -1}}])
    client.delete_example(ids[1])
    created = client.create_example(dataset_id=dataset_id, inputs={"n": 99})
    now = {str(example.id): example.outputs for example in client.list_examples(dataset_id=dataset_id)}
    assert now == {ids[0]: {"double": -1}, ids[2]: {"double": 4}, str(created.id): None}
    for then in (first, "pinned"):
        old = {str(example.id): example.outputs for example in client.list_examples(dataset_id=dataset_id, as_of=then)}
        assert old == {identity: {"double": 2 * number} for number, identity in enumerate(ids)}
    versions = list(client.list_dataset_versions(dataset_id=dataset_id))
    assert len(versions) == 5  # the dataset, its examples, an update, a deletion, an addition
    assert versions[0].tags == ["latest"]
    assert [version.as_of for version in versions] == sorted((v.as_of for v in versions), reverse=True)
    difference = client.diff_dataset_versions(dataset_id=dataset_id, from_version="pinned", to_version="latest")
    assert [str(identity) for identity in difference.examples_modified] == [ids[0]]
    assert [str(identity) for identity in difference.examples_removed] == [ids[1]]
    assert [str(identity) for identity in difference.examples_added] == [str(created.id)]
    assert client.read_example(ids[0], as_of=first).outputs == {"double": 0}


def test_a_tag_moves_and_names_only_exact_versions(client: Client) -> None:
    dataset_id, ids = with_examples(client)
    versions = list(client.list_dataset_versions(dataset_id=dataset_id))
    for version in versions:
        client.update_dataset_tag(dataset_id=dataset_id, as_of=version.as_of, tag="best")
        assert client.read_dataset_version(dataset_id=dataset_id, tag="best").as_of == version.as_of
    with pytest.raises(LangSmithNotFoundError):
        client.read_dataset_version(dataset_id=dataset_id, tag="no such tag")
    between = versions[0].as_of.replace(year=versions[0].as_of.year + 1)
    with pytest.raises(LangSmithNotFoundError):
        client.update_dataset_tag(dataset_id=dataset_id, as_of=between, tag="best")
    assert ids


def test_splits_are_listed_and_changed(client: Client) -> None:
    dataset_id, ids = with_examples(client)
    assert client.list_dataset_splits(dataset_id=dataset_id) == ["even", "odd"]
    client.update_dataset_splits(dataset_id=dataset_id, split_name="smoke", example_ids=[ids[0]])
    assert client.list_dataset_splits(dataset_id=dataset_id) == ["even", "odd", "smoke"]
    assert [str(e.id) for e in client.list_examples(dataset_id=dataset_id, splits=["smoke"])] == [ids[0]]
    client.update_dataset_splits(dataset_id=dataset_id, split_name="smoke", example_ids=[ids[0]], remove=True)
    assert client.list_dataset_splits(dataset_id=dataset_id) == ["even", "odd"]


def test_one_example_is_changed_by_itself(client: Client) -> None:
    dataset_id, ids = with_examples(client)
    client.update_example(ids[0], inputs={"n": "zero"}, dataset_id=dataset_id)
    changed = client.read_example(ids[0])
    assert (changed.inputs, changed.outputs) == ({"n": "zero"}, {"double": 0})
    assert (changed.metadata or {})["case_id"] == "case-0"
    client.delete_examples(ids[1:])
    assert [str(example.id) for example in client.list_examples(dataset_id=dataset_id)] == [ids[0]]


def test_an_example_id_is_taken_once(client: Client) -> None:
    dataset_id, ids = with_examples(client)
    with pytest.raises(LangSmithConflictError):
        client.create_examples(dataset_id=dataset_id, examples=[{"id": ids[0], "inputs": {"n": 1}}])
    assert len(list(client.list_examples(dataset_id=dataset_id))) == 3


def test_an_example_keeps_its_attachment(server: RecorderServer) -> None:
    client = a_client(server)
    dataset = client.create_dataset("files")
    client.create_examples(
        dataset_id=dataset.id,
        examples=[{"inputs": {"n": 1}, "attachments": {"picture": ("image/png", b"\x89PNG")}}],
    )
    (example,) = client.list_examples(dataset_id=dataset.id, include_attachments=True)
    assert (example.attachments or {})["picture"]["reader"].read() == b"\x89PNG"
    client.close()


def test_each_profile_makes_the_sdk_use_other_routes(any_profile: RecorderServer) -> None:
    profile = any_profile.recorder.config.profile
    flags = any_profile.recorder.config.info()["instance_flags"]
    assert flags["zstd_compression_enabled"] is (profile is not InfoProfile.NO_ZSTD)
    assert flags["sdb_query_enabled"] is (profile is InfoProfile.SMITHDB_ONLY)
