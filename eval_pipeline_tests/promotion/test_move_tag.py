"""Moves of a tag, through the real SDK against the recorder: by one process, by several, and by one that dies."""

import datetime as dt
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from eval_pipeline.errors import CorruptDataError, CredentialsError, InputError, TransientError
from eval_pipeline.promotion.move_tag import UNFINISHED_SECONDS, MoveRefusal, move_tag, read_tag_state
from eval_pipeline.promotion.moves import (
    MoveOutcome,
    PromptMove,
    ProposedMove,
    RecordedMove,
    begin_move,
    commits_in_use,
    read_moves,
)
from eval_pipeline.prompts.hub import PromptHub
from eval_pipeline.recorder.faults import Fault
from eval_pipeline.recorder.server import RecorderServer
from eval_pipeline.store.layout import move_end_key, move_key
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.promotion.moved import PLACE, proposed
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


def move(store: LocalStore, hub: PromptHub, decided: ProposedMove) -> PromptMove | MoveRefusal:
    return move_tag(store, hub, read_tag_state(store, hub, PLACE), decided)


def production(hub: PromptHub) -> str:
    return hub.tags("support")["production"]


def last(store: LocalStore) -> RecordedMove:
    return read_moves(store, PLACE)[-1]


def test_a_move_is_carried_out_and_recorded(store: LocalStore, hub: PromptHub, commits: list[str]) -> None:
    done = move(store, hub, proposed(commits[0], commits[1]))

    assert isinstance(done, PromptMove)
    assert production(hub) == commits[1]
    (recorded,) = read_moves(store, PLACE)
    assert (recorded.move, recorded.moved) == (done, True)
    assert read_tag_state(store, hub, PLACE).commit == commits[1]


def test_of_many_processes_that_promote_at_once_one_does_and_the_others_see_it(
    store: LocalStore, server: RecorderServer, hub: PromptHub, commits: list[str]
) -> None:
    outcomes: list[PromptMove | MoveRefusal] = []
    start = threading.Barrier(MANY)

    def promote(commit: str) -> None:
        mine = hub_at(server.url)
        state = read_tag_state(store, mine, PLACE)
        start.wait()
        outcomes.append(move_tag(store, mine, state, proposed(commits[0], commit)))

    threads = [threading.Thread(target=promote, args=(commit,)) for commit in commits[1:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (done,) = (outcome for outcome in outcomes if isinstance(outcome, PromptMove))
    refusals = [outcome for outcome in outcomes if isinstance(outcome, MoveRefusal)]
    assert len(refusals) == MANY - 1
    assert {refusal.cause for refusal in refusals} == {"moved"}
    assert all("another process was first: promotion 1" in refusal.reason for refusal in refusals)
    assert production(hub) == done.after
    assert [(recorded.move, recorded.moved) for recorded in read_moves(store, PLACE)] == [(done, True)]


def test_a_move_decided_before_the_tag_was_moved_by_hand_is_refused(
    store: LocalStore, hub: PromptHub, commits: list[str]
) -> None:
    hub.tag("support", "production", commits[2])

    refused = move(store, hub, proposed(commits[0], commits[1]))

    assert isinstance(refused, MoveRefusal)
    assert refused.cause == "moved"
    assert production(hub) == commits[2]
    assert not last(store).moved
    assert isinstance(move(store, hub, proposed(commits[2], commits[1])), PromptMove)


def test_a_move_that_was_given_up_too_early_is_recorded_as_done_all_the_same(
    tmp_path: Path, hub: PromptHub, commits: list[str]
) -> None:
    class GivingUpStore(LocalStore):
        """Another process gives the first move up just before it is ended."""

        def put_if_absent(self, key: str, data: bytes) -> bool:
            if key == move_end_key("support", "production", 1):
                given_up = MoveOutcome(moved=False, message="given up", ended_at="2026-01-01T00:00:00+00:00")
                super().put_if_absent(key, given_up.model_dump_json(by_alias=True).encode())
            return super().put_if_absent(key, data)

    store = GivingUpStore(tmp_path / "store")
    done = move(store, hub, proposed(commits[0], commits[1]))

    assert isinstance(done, PromptMove)
    assert production(hub) == commits[1]
    assert [(recorded.move.number, recorded.moved) for recorded in read_moves(store, PLACE)] == [(1, False), (2, True)]
    assert commits_in_use(read_moves(store, PLACE)) == [commits[0], commits[1]]


def test_a_tag_that_another_process_moves_again_at_once_was_moved_all_the_same(
    store: LocalStore, server: RecorderServer, commits: list[str]
) -> None:
    refused = move(store, overtaken_hub(server.url, commit=commits[2]), proposed(commits[0], commits[1]))

    assert isinstance(refused, MoveRefusal)
    assert refused.cause == "moved"
    assert f"and then elsewhere by another process: it is at {commits[2][:12]}" in refused.reason
    outcome = last(store).outcome
    assert outcome is not None
    assert outcome.moved
    assert "then elsewhere" in outcome.message
    assert production(hub_at(server.url)) == commits[2]


def test_a_move_that_may_be_under_way_is_ended_by_its_own_process_wherever_the_tag_is_by_then(
    store: LocalStore, hub: PromptHub, commits: list[str]
) -> None:
    begun = begin_move(store, proposed(commits[0], commits[1]), number=1)
    assert begun is not None
    hub.tag("support", "production", commits[2])

    assert read_tag_state(store, hub, PLACE).moves[-1].outcome is None


def test_a_first_promotion_creates_the_tag(store: LocalStore, server: RecorderServer, hub: PromptHub) -> None:
    commit = publish(server.url, "one", tag=None)
    assert isinstance(move(store, hub, proposed(None, commit)), PromptMove)
    assert production(hub) == commit


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_may_not_move_tags_leaves_everything_as_it_was(
    store: LocalStore, server: RecorderServer, hub: PromptHub, commits: list[str], status: int
) -> None:
    server.faults.add(Fault(method="PATCH", status=status))
    with pytest.raises(CredentialsError):
        move(store, hub, proposed(commits[0], commits[1]))
    assert production(hub) == commits[0]
    assert last(store).outcome is not None
    assert isinstance(move(store, hub, proposed(commits[0], commits[1])), PromptMove)


def test_a_commit_that_is_not_there_is_reported_and_the_next_may_move(
    store: LocalStore, hub: PromptHub, commits: list[str]
) -> None:
    with pytest.raises(InputError, match="there is no prompt"):
        move(store, hub, proposed(commits[0], "f" * 64))
    assert isinstance(move(store, hub, proposed(commits[0], commits[1])), PromptMove)


def test_a_move_whose_answer_was_lost_is_recognized_as_done(
    store: LocalStore, server: RecorderServer, hub: PromptHub, commits: list[str]
) -> None:
    server.faults.add(Fault(method="PATCH", drop="reply", times=None))
    with pytest.raises(TransientError):
        move(store, hub, proposed(commits[0], commits[1]))
    assert last(store).outcome is None
    server.faults.clear()

    state = read_tag_state(store, hub, PLACE)

    assert (state.commit, state.moves[-1].moved) == (commits[1], True)
    assert isinstance(move_tag(store, hub, state, proposed(commits[1], commits[2])), PromptMove)


def test_no_process_moves_the_tag_while_a_move_may_be_under_way(
    store: LocalStore, hub: PromptHub, commits: list[str]
) -> None:
    assert begin_move(store, proposed(commits[0], commits[1]), number=1) is not None

    refused = move(store, hub, proposed(commits[0], commits[2]))

    assert isinstance(refused, MoveRefusal)
    assert "has not ended" in refused.reason
    assert production(hub) == commits[0]


def test_a_move_whose_process_died_before_it_is_given_up_after_a_time(
    store: LocalStore, hub: PromptHub, commits: list[str]
) -> None:
    long_ago = dt.datetime.now(tz=dt.UTC) - dt.timedelta(seconds=UNFINISHED_SECONDS + 1)
    dead = PromptMove(**proposed(commits[0], commits[1]).model_dump(), number=1, begun_at=long_ago.isoformat())
    store.put(move_key("support", "production", 1), dead.model_dump_json().encode())

    assert isinstance(move(store, hub, proposed(commits[0], commits[2])), PromptMove)

    assert [recorded.moved for recorded in read_moves(store, PLACE)] == [False, True]
    assert production(hub) == commits[2]


def test_a_history_that_cannot_be_read_is_reported_and_not_passed_over(store: LocalStore) -> None:
    store.put(move_key("support", "production", 1), b"{}")
    with pytest.raises(CorruptDataError, match="cannot be read as a move"):
        read_moves(store, PLACE)


def test_a_history_that_lost_a_document_does_not_keep_the_next_from_moving(
    tmp_path: Path, store: LocalStore, hub: PromptHub, commits: list[str]
) -> None:
    move(store, hub, proposed(commits[0], commits[1]))
    move(store, hub, proposed(commits[1], commits[2]))
    (tmp_path / "store" / move_key("support", "production", 1)).unlink()

    done = move(store, hub, proposed(commits[2], commits[3]))

    assert isinstance(done, PromptMove)
    assert done.number == 3
    assert production(hub) == commits[3]
