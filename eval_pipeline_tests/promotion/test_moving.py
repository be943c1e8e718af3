"""Moves of a tag, through the real SDK against the recorder, with a store: who is first, who loses, who dies."""

import datetime as dt
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from eval_pipeline.errors import CorruptDataError, CredentialsError, InputError, TransientError
from eval_pipeline.promotion.moves import (
    Ending,
    Move,
    RecordedMove,
    WantedMove,
    begin_move,
    commits_in_use,
    read_moves,
)
from eval_pipeline.promotion.moving import UNFINISHED_SECONDS, Refusal, make_move, read_standing
from eval_pipeline.prompts.hub import PromptHub
from eval_pipeline.recorder.faults import Fault
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.store.layout import move_end_key, move_key
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.promotion.moved import PLACE, wanted
from eval_pipeline_tests.prompts.published import hub_at, overtaken_hub, publish

MANY = 8


@pytest.fixture
def server() -> Iterator[RecorderServer]:
    with RecorderServer() as running:
        yield running


@pytest.fixture
def hub(server: RecorderServer) -> PromptHub:
    return hub_at(server.url)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def commits(server: RecorderServer) -> list[str]:
    """The first is in production."""
    return [publish(server.url, f"number {number}", tag=None if number else "production") for number in range(MANY + 1)]


def move(store: LocalStore, hub: PromptHub, wants: WantedMove) -> Move | Refusal:
    return make_move(store, hub, read_standing(store, hub, PLACE), wants)


def production(hub: PromptHub) -> str:
    return hub.tags("support")["production"]


def last(store: LocalStore) -> RecordedMove:
    return read_moves(store, PLACE)[-1]


def test_a_move_is_made_and_recorded(store: LocalStore, hub: PromptHub, commits: list[str]) -> None:
    made = move(store, hub, wanted(commits[0], commits[1]))

    assert isinstance(made, Move)
    assert production(hub) == commits[1]
    (found,) = read_moves(store, PLACE)
    assert (found.move, found.made) == (made, True)
    assert read_standing(store, hub, PLACE).commit == commits[1]


def test_of_many_who_promote_at_once_one_does_and_the_others_are_told(
    store: LocalStore, server: RecorderServer, hub: PromptHub, commits: list[str]
) -> None:
    outcomes: list[Move | Refusal] = []
    start = threading.Barrier(MANY)

    def promote(commit: str) -> None:
        mine = hub_at(server.url)
        standing = read_standing(store, mine, PLACE)
        start.wait()
        outcomes.append(make_move(store, mine, standing, wanted(commits[0], commit)))

    threads = [threading.Thread(target=promote, args=(commit,)) for commit in commits[1:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (made,) = (found for found in outcomes if isinstance(found, Move))
    lost = [found for found in outcomes if isinstance(found, Refusal)]
    assert len(lost) == MANY - 1
    assert {found.cause for found in lost} == {"moved"}
    assert all("somebody else was first: promotion 1" in found.reason for found in lost)
    assert production(hub) == made.after
    assert [(found.move, found.made) for found in read_moves(store, PLACE)] == [(made, True)]


def test_who_decided_before_the_tag_was_moved_by_hand_is_refused(
    store: LocalStore, hub: PromptHub, commits: list[str]
) -> None:
    hub.tag("support", "production", commits[2])

    refused = move(store, hub, wanted(commits[0], commits[1]))

    assert isinstance(refused, Refusal)
    assert refused.cause == "moved"
    assert production(hub) == commits[2]
    assert not last(store).made
    assert isinstance(move(store, hub, wanted(commits[2], commits[1])), Move)


def test_a_move_that_was_given_up_too_early_is_recorded_as_made_all_the_same(
    tmp_path: Path, hub: PromptHub, commits: list[str]
) -> None:
    class Impatient(LocalStore):
        """Somebody gives the first move up just before it is ended."""

        def put_if_absent(self, key: str, data: bytes) -> bool:
            if key == move_end_key("support", "production", 1):
                given_up = Ending(made=False, said="given up", ended_at="2026-01-01T00:00:00+00:00")
                super().put_if_absent(key, given_up.model_dump_json().encode())
            return super().put_if_absent(key, data)

    store = Impatient(tmp_path / "store")
    made = move(store, hub, wanted(commits[0], commits[1]))

    assert isinstance(made, Move)
    assert production(hub) == commits[1]
    assert [(found.move.number, found.made) for found in read_moves(store, PLACE)] == [(1, False), (2, True)]
    assert commits_in_use(read_moves(store, PLACE)) == [commits[0], commits[1]]


def test_a_tag_that_somebody_moves_on_at_once_was_moved_all_the_same(
    store: LocalStore, server: RecorderServer, commits: list[str]
) -> None:
    refused = move(store, overtaken_hub(server.url, commit=commits[2]), wanted(commits[0], commits[1]))

    assert isinstance(refused, Refusal)
    assert refused.cause == "moved"
    assert f"moved on by somebody else: it is at {commits[2][:12]}" in refused.reason
    ending = last(store).ending
    assert ending is not None
    assert ending.made
    assert "moved on" in ending.said
    assert production(hub_at(server.url)) == commits[2]


def test_a_move_that_may_be_under_way_is_ended_by_its_maker_wherever_the_tag_is_by_then(
    store: LocalStore, hub: PromptHub, commits: list[str]
) -> None:
    begun = begin_move(store, wanted(commits[0], commits[1]), number=1)
    assert begun is not None
    hub.tag("support", "production", commits[2])

    assert read_standing(store, hub, PLACE).moves[-1].ending is None


def test_a_first_promotion_makes_the_tag(store: LocalStore, server: RecorderServer, hub: PromptHub) -> None:
    commit = publish(server.url, "one", tag=None)
    assert isinstance(move(store, hub, wanted(None, commit)), Move)
    assert production(hub) == commit


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_may_not_move_tags_leaves_everything_as_it_was(
    store: LocalStore, server: RecorderServer, hub: PromptHub, commits: list[str], status: int
) -> None:
    server.faults.add(Fault(method="PATCH", status=status))
    with pytest.raises(CredentialsError):
        move(store, hub, wanted(commits[0], commits[1]))
    assert production(hub) == commits[0]
    assert last(store).ending is not None
    assert isinstance(move(store, hub, wanted(commits[0], commits[1])), Move)


def test_a_commit_that_is_not_there_is_told_and_the_next_may_move(
    store: LocalStore, hub: PromptHub, commits: list[str]
) -> None:
    with pytest.raises(InputError, match="there is no prompt"):
        move(store, hub, wanted(commits[0], "f" * 64))
    assert isinstance(move(store, hub, wanted(commits[0], commits[1])), Move)


def test_a_move_whose_answer_was_lost_is_found_to_have_been_made(
    store: LocalStore, server: RecorderServer, hub: PromptHub, commits: list[str]
) -> None:
    server.faults.add(Fault(method="PATCH", drop="reply", times=None))
    with pytest.raises(TransientError):
        move(store, hub, wanted(commits[0], commits[1]))
    assert last(store).ending is None
    server.faults.clear()

    standing = read_standing(store, hub, PLACE)

    assert (standing.commit, standing.moves[-1].made) == (commits[1], True)
    assert isinstance(make_move(store, hub, standing, wanted(commits[1], commits[2])), Move)


def test_nobody_moves_the_tag_while_a_move_may_be_under_way(
    store: LocalStore, hub: PromptHub, commits: list[str]
) -> None:
    assert begin_move(store, wanted(commits[0], commits[1]), number=1) is not None

    refused = move(store, hub, wanted(commits[0], commits[2]))

    assert isinstance(refused, Refusal)
    assert "has not ended" in refused.reason
    assert production(hub) == commits[0]


def test_a_move_whose_maker_died_before_it_is_given_up_after_a_time(
    store: LocalStore, hub: PromptHub, commits: list[str]
) -> None:
    long_ago = dt.datetime.now(tz=dt.UTC) - dt.timedelta(seconds=UNFINISHED_SECONDS + 1)
    dead = Move(**wanted(commits[0], commits[1]).model_dump(), number=1, begun_at=long_ago.isoformat())
    store.put(move_key("support", "production", 1), dead.model_dump_json().encode())

    assert isinstance(move(store, hub, wanted(commits[0], commits[2])), Move)

    assert [found.made for found in read_moves(store, PLACE)] == [False, True]
    assert production(hub) == commits[2]


def test_a_record_that_cannot_be_read_is_told_and_not_passed_over(store: LocalStore) -> None:
    store.put(move_key("support", "production", 1), b"{}")
    with pytest.raises(CorruptDataError, match="cannot be read as a move"):
        read_moves(store, PLACE)


def test_a_record_that_lost_a_document_does_not_keep_the_next_from_moving(
    tmp_path: Path, store: LocalStore, hub: PromptHub, commits: list[str]
) -> None:
    move(store, hub, wanted(commits[0], commits[1]))
    move(store, hub, wanted(commits[1], commits[2]))
    (tmp_path / "store" / move_key("support", "production", 1)).unlink()

    made = move(store, hub, wanted(commits[2], commits[3]))

    assert isinstance(made, Move)
    assert made.number == 3
    assert production(hub) == commits[3]
