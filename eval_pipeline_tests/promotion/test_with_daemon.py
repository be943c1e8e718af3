"""Promotions and rollbacks by a real daemon: schedule, sensors, runs, recorder, webhook."""

from dataclasses import replace
from pathlib import Path

from eval_pipeline.promotion.moves import read_moves
from eval_pipeline.promotion.regression import read_checks
from eval_pipeline.results.experiment_record import latest_experiment, read_experiment
from eval_pipeline.variants.variant_comparison import write_comparison
from eval_pipeline_tests.promotion.deployment import PromptDeployment, deployed
from eval_pipeline_tests.promotion.moved import PLACE
from eval_pipeline_tests.variants.standings import comparison, standing

EVERY_MINUTE = {"cron": "* * * * *", "enabled": True}
PROMOTES = {"enabled": True, "dry_run": False}


def _write_a_wrong_comparison(deployment: PromptDeployment, old: str, new: str) -> None:
    """A comparison that was wrong: the runs after it are worse with `new`."""
    current = standing("current", "current", prompts={"support": old})
    good = standing("good", "better", prompts={"support": new})
    write_comparison(deployment.store, replace(comparison(), standings=(current, good)))


def test_a_promotion_that_makes_the_next_nightly_run_worse_is_rolled_back(tmp_path: Path) -> None:
    watched = {"prompt_regressed": {"enabled": True, "interval_s": 5}}
    with deployed(tmp_path, promotion=PROMOTES, schedule=EVERY_MINUTE, sensors=watched) as deployment:
        old, new = deployment.publish(12, tag="production"), deployment.publish(4)
        before = deployment.terminal("run", "shop")
        assert before.returncode == 0, before.stderr
        _write_a_wrong_comparison(deployment, old, new)
        promoted = deployment.terminal("prompts", "promote", "shop", "--yes")
        assert promoted.returncode == 0, promoted.stderr
        assert deployment.production == new

        with deployment.daemon():
            deployment.until(lambda: deployment.notices)

        assert deployment.notices == [("prompt_rolled_back", old)]
        assert deployment.production == old
        promotion, rollback = read_moves(deployment.store, PLACE)
        assert (promotion.moved, rollback.moved) == (True, True)
        assert (rollback.move.kind, rollback.move.decided_by) == ("rollback", "shop_prompt_regressed")
        (check,) = read_checks(deployment.store, promotion.move)
        nightly = read_experiment(deployment.store, "shop", check.experiment)
        assert nightly.prompts is not None
        assert nightly.prompts["target"].commit == new
        assert rollback.move.reason == check.message
        again = deployment.terminal("prompts", "promote", "shop", "--yes")
        assert again.returncode == 1
        assert "was rolled back" in again.stderr
        history = deployment.terminal("prompts", "history", "shop")
        assert f"regressed in {check.experiment}: {check.message}" in history.stdout
        after = deployment.terminal("run", "shop")
        assert after.returncode == 0, after.stderr
        latest = latest_experiment(deployment.store, "shop")
        assert latest is not None
        assert latest.prompts is not None
        assert latest.prompts["target"].commit == old


def test_commits_are_evaluated_reported_and_promoted_only_where_they_are_better(tmp_path: Path) -> None:
    watched = {"prompt_committed": {"enabled": True, "interval_s": 5, "promote": True}}
    with deployed(tmp_path, promotion=PROMOTES, sensors=watched) as deployment:
        current = deployment.publish(4, tag="production")
        with deployment.daemon():
            deployment.until(lambda: "first tick" in deployment.log())
            bad = deployment.publish(0)
            deployment.until(lambda: len(deployment.notices) == 1)
            assert deployment.production == current
            better = deployment.publish(12)
            deployment.until(lambda: len(deployment.notices) == 2)

        assert deployment.notices == [("prompt_commit_evaluated", bad), ("prompt_commit_evaluated", better)]
        assert [notice["before"] for notice in deployment.webhook.received] == [current, current]
        assert "better" in deployment.webhook.received[1]["reason"]
        assert deployment.production == better
        (move,) = read_moves(deployment.store, PLACE)
        assert (move.moved, move.move.before, move.move.after) == (True, current, better)
        assert "only-we-know" not in deployment.log()
