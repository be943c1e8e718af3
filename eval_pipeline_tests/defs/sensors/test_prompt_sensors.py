"""The decisions of the sensors of prompts, and the notices they post, without a daemon."""

from dataclasses import replace
from pathlib import Path

import pytest

from eval_pipeline.defs.sensors.prompt_committed import (
    PendingCommit,
    SeenCommits,
    decide_commit,
    notice_of_commit,
    read_seen,
)
from eval_pipeline.defs.sensors.prompt_regressed import PostedNotices, new_notices, read_posted
from eval_pipeline.defs.sensors.webhook import PromptNotice, prompt_body
from eval_pipeline.promotion.moves import PromptMove, RecordedMove
from eval_pipeline.promotion.regression import PromotionCheck
from eval_pipeline_tests.building import a_suite
from eval_pipeline_tests.promotion.moved import proposed, recorded
from eval_pipeline_tests.variants.standings import comparison

OLD, NEW, NEXT = "0" * 16, "a" * 16, "b" * 16
PROMOTION = PromptMove(**proposed(OLD, NEW).model_dump(), number=1, begun_at="2026-01-01T00:00:00+00:00")


def look(experiment: str, *, regressed: bool) -> PromotionCheck:
    return PromotionCheck(
        experiment=experiment, reference="before", regressed=regressed, message="it fell", checked_at="now"
    )


def events(notices: list[PromptNotice]) -> list[str]:
    return [notice.event for notice in notices]


@pytest.mark.parametrize(
    ("seen", "newest", "tagged", "why"),
    [
        (None, NEW, OLD, "first tick"),
        (SeenCommits(newest=NEW), NEW, OLD, "still the newest commit"),
        (SeenCommits(newest=OLD), NEW, NEW, "in production already"),
        (SeenCommits(newest=None), None, OLD, "no commit"),
    ],
)
def test_when_no_commit_is_evaluated(seen: SeenCommits | None, newest: str | None, tagged: str, why: str) -> None:
    decision = decide_commit(seen, newest=newest, tagged=tagged, at=1)
    assert isinstance(decision, str)
    assert why in decision


@pytest.mark.parametrize("tagged", [OLD, None])
def test_a_new_commit_is_evaluated_against_the_one_in_use(tagged: str | None) -> None:
    decision = decide_commit(SeenCommits(newest=OLD), newest=NEW, tagged=tagged, at=1)
    assert decision == SeenCommits(newest=NEW, waiting=PendingCommit(commit=NEW, against=tagged, since=1))
    assert isinstance(decision, SeenCommits)
    assert read_seen(decision.model_dump_json()) == decision


def test_a_cursor_that_cannot_be_read_is_a_first_look() -> None:
    assert read_seen("{}") is None
    assert read_posted("{}", recorded(proposed(OLD, NEW))) == PostedNotices(moves=1)


def test_the_notice_of_a_commit_is_the_verdict_or_that_it_failed(tmp_path: Path) -> None:
    target = {"kind": "python", "path": "eval_pipeline_tests.fakes:echo", "prompt": "hub:support:production"}
    suite, waiting = a_suite(tmp_path, target=target), PendingCommit(commit=NEW, against=OLD, since=1)
    notice = notice_of_commit(suite, waiting, comparison(verdict="a tie"), run_url="http://ui/runs/1")
    assert prompt_body(notice, "json") == {
        "event": "prompt_commit_evaluated",
        "suite": "sample",
        "prompt": "hub:support:production",
        "before": OLD,
        "after": NEW,
        "reason": "a tie",
        "run_url": "http://ui/runs/1",
    }
    assert "failed" in notice_of_commit(suite, waiting, None, run_url=None).reason


def test_slack_gets_a_line_without_mentions() -> None:
    notice = PromptNotice(
        event="prompt_rolled_back", suite="shop", prompt="hub:a:b", before=NEW, after=OLD, reason="<!channel> & co"
    )
    (text,) = prompt_body(notice, "slack").values()
    assert text == "*shop*: `hub:a:b` was rolled back (`aaaaaaaaaaaa` → `000000000000`): &lt;!channel&gt; &amp; co"


def test_each_move_is_posted_once_in_order_and_none_before_it_has_ended() -> None:
    moves = recorded(proposed(OLD, NEW), proposed(NEW, OLD, kind="rollback"), proposed(OLD, NEXT))
    under_way = [*moves[:2], replace(moves[2], outcome=None)]

    first, posted = new_notices("shop", PostedNotices(moves=0), under_way, None, [], dry_run=False)
    second, posted = new_notices("shop", posted, moves, None, [], dry_run=False)
    third, _ = new_notices("shop", posted, moves, None, [], dry_run=False)

    assert events(first) == ["prompt_promoted", "prompt_rolled_back"]
    assert events(second) == ["prompt_promoted"]
    assert third == []


def test_a_move_in_progress_at_the_first_tick_is_posted_when_it_has_ended() -> None:
    moves = recorded(proposed(OLD, NEW), proposed(NEW, OLD, kind="rollback"))
    under_way = [moves[0], replace(moves[1], outcome=None)]

    first, posted = new_notices("shop", read_posted(None, under_way), under_way, None, [], dry_run=False)
    second, _ = new_notices("shop", posted, moves, None, [], dry_run=False)

    assert (events(first), events(second)) == ([], ["prompt_rolled_back"])


def test_moves_of_other_suites_and_those_not_made_are_not_posted() -> None:
    moves: list[RecordedMove] = [
        *recorded(proposed(OLD, NEW, suite="other")),
        *recorded(proposed(OLD, NEW), moved=False),
    ]
    assert new_notices("shop", PostedNotices(moves=0), moves, None, [], dry_run=False) == ([], PostedNotices(moves=2))


def test_the_result_of_a_run_is_posted_once() -> None:
    moves, looks = recorded(proposed(OLD, NEW)), [look("night", regressed=False)]
    first, posted = new_notices("shop", PostedNotices(moves=1), moves, PROMOTION, looks, dry_run=False)
    second, _ = new_notices("shop", posted, moves, PROMOTION, looks, dry_run=False)
    assert events(first) == ["prompt_kept"]
    assert second == []


@pytest.mark.parametrize(("dry_run", "expected"), [(True, ["prompt_regressed"]), (False, [])])
def test_a_regression_is_posted_in_a_dry_run_and_otherwise_by_the_rollback(dry_run: bool, expected: list[str]) -> None:  # noqa: FBT001
    notices, _ = new_notices(
        "shop",
        PostedNotices(moves=1),
        recorded(proposed(OLD, NEW)),
        PROMOTION,
        [look("night", regressed=True)],
        dry_run=dry_run,
    )
    assert events(notices) == expected
