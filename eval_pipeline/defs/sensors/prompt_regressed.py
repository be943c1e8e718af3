"""A promoted prompt made things worse: the tag goes back to where it was, and a webhook is told.

What has to be done is read from the record and from the experiments at each look, and nothing but what was told is
remembered: a tick that fails, because the Hub is away, is made up for by the next one.
"""

from collections.abc import Iterator, Sequence

import dagster as dg
from pydantic import BaseModel, ConfigDict, ValidationError

from eval_pipeline.defs.resources import LangSmithResource, StoreResource
from eval_pipeline.defs.sensors.prompt_notice import PromptEvent, PromptNotice, prompt_body
from eval_pipeline.defs.sensors.webhook import post
from eval_pipeline.promotion.deciding import decide_rollback, promotion_in_use
from eval_pipeline.promotion.moves import Move, Moves
from eval_pipeline.promotion.moving import Refusal, Standing, make_move, read_standing
from eval_pipeline.promotion.regressing import Look, looks_at
from eval_pipeline.prompts.opening import open_hub
from eval_pipeline.suite.promoted_prompt import promoted_prompt
from eval_pipeline.suite.suite import Suite


class Told(BaseModel):
    """The cursor: what was told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    moves: int
    """How many of the moves on record."""
    looks: tuple[str, ...] = ()
    """The experiments whose word on the promotion in use was told."""


def sensor_name(suite: str) -> str:
    """The sensor's name."""
    return f"{suite}_prompt_regressed"


def read_told(text: str | None, moves: Moves) -> Told:
    """The cursor; the first look takes what is on record for told, but for a move that has not ended."""
    try:
        if text:
            return Told.model_validate_json(text)
    except ValidationError:
        pass
    return Told(moves=next((count for count, found in enumerate(moves) if found.ending is None), len(moves)))


def news(
    suite: str, told: Told, moves: Moves, promotion: Move | None, looks: Sequence[Look], *, dry_run: bool
) -> tuple[list[PromptNotice], Told]:
    """What is to be told, and what then was told.

    Args:
        suite: whose news it is; what other suites did to the same prompt is theirs to tell.
        told: what was told already.
        moves: all on record.
        promotion: the one in use, if any.
        looks: what runs since say of it.
        dry_run: whether one that regressed is left where it is, which then is what is told.
    """
    notices, ended = [], told.moves
    for recorded in moves[told.moves :]:
        if recorded.ending is None:
            break
        ended += 1
        if recorded.made and recorded.move.suite == suite:
            event: PromptEvent = "prompt_promoted" if recorded.move.kind == "promotion" else "prompt_rolled_back"
            notices.append(_notice(event, recorded.move, recorded.move.reason))
    new = [look for look in looks if look.experiment not in told.looks]
    if promotion is not None:
        notices += _of_looks(promotion, new, dry_run=dry_run)
    return notices, Told(moves=ended, looks=tuple(look.experiment for look in looks))


def build_prompt_regressed(suite: Suite) -> dg.SensorDefinition:
    """The sensor `<suite>_prompt_regressed`."""
    spec, dry_run, name = suite.spec.sensors.prompt_regressed, suite.spec.promotion.dry_run, sensor_name(suite.name)
    place = promoted_prompt(suite)

    @dg.sensor(
        name=name,
        minimum_interval_seconds=spec.interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING if spec.enabled else dg.DefaultSensorStatus.STOPPED,
        description=f"Take a promotion of {place} back when the run after it is significantly worse than before.",
    )
    def prompt_regressed(
        context: dg.SensorEvaluationContext, store: StoreResource, langsmith: LangSmithResource
    ) -> dg.SensorResult:
        opened = store.open()
        with open_hub(langsmith.settings()) as hub:
            standing = read_standing(opened, hub, place)
            told = read_told(context.cursor, standing.moves)
            promotion = promotion_in_use(standing, suite.name)
            looks = [] if promotion is None else looks_at(opened, promotion, nights=spec.nights)
            worse = next((look for look in looks if look.regressed), None)
            if worse is not None and not dry_run:
                decided = decide_rollback(standing, suite=suite.name, reason=worse.said, decided_by=name)
                outcome = decided if isinstance(decided, Refusal) else make_move(opened, hub, standing, decided)
                if isinstance(outcome, Refusal):
                    context.log.warning("%s stays where it is: %s", place, outcome.reason)
                standing = read_standing(opened, hub, place)
        notices, told = news(suite.name, told, standing.moves, promotion, looks, dry_run=dry_run)
        for notice in notices:
            context.log.info("%s: %s", notice.event, notice.reason)
            why = post(spec.webhook_variable, prompt_body(notice, spec.shape))
            if why is not None:
                context.log.warning("the webhook was not told of %s: %s", notice.event, why)
        return dg.SensorResult(skip_reason=_said(standing, promotion, looks), cursor=told.model_dump_json())

    return prompt_regressed


def _of_looks(promotion: Move, looks: Sequence[Look], *, dry_run: bool) -> Iterator[PromptNotice]:
    for look in looks:
        if not look.regressed:
            yield _notice("prompt_kept", promotion, look.said)
        elif dry_run:
            yield _notice("prompt_regressed", promotion, f"{look.said} (a dry run: `promotion.dry_run`)")


def _notice(event: PromptEvent, move: Move, reason: str) -> PromptNotice:
    return PromptNotice(
        event=event, suite=move.suite, prompt=str(move.place), before=move.before, after=move.after, reason=reason
    )


def _said(standing: Standing, promotion: Move | None, looks: Sequence[Look]) -> str:
    if promotion is None:
        return f"no promotion of {standing.place} is in use"
    if not looks:
        return f"no whole run has used promotion {promotion.number} yet"
    return f"promotion {promotion.number}: {looks[-1].said}"
