"""Checks of what promotions of a suite's prompt need: the Hub, the tag that is moved, the record of its moves.

Whether the key may move the tag is not among them: only moving it would tell, and a doctor moves nothing.
"""

from collections.abc import Iterator

from eval_pipeline.defs.resources import StoreResource
from eval_pipeline.doctor.finding import Finding, failed, ok
from eval_pipeline.promotion.moves import read_moves
from eval_pipeline.promotion.moving import shown
from eval_pipeline.prompts.opening import open_hub
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.promoted_prompt import has_promotions, promoted_prompt, wants_promotions
from eval_pipeline.suite.suite import Suite


def check_promotions(suite: Suite, store: StoreResource, settings: LangSmithSettings) -> Iterator[Finding]:
    """Look where the tag is, if anything of the suite may move it by itself. Raises what Hub and store raise."""
    if not wants_promotions(suite) or not has_promotions(suite):
        return
    place = promoted_prompt(suite)
    with open_hub(settings) as hub:
        commit = hub.tags(place.name).get(place.version or "")
    if commit is None:
        fix = f"eval-pipeline prompts tag {place.name} {place.version} COMMIT"
        yield failed("promotion", f"{suite.name}: {place} names no commit", fix=fix)
        return
    moves = len(read_moves(store.open(), place))
    unknown = "whether the key may move it is seen when it does"
    yield ok("promotion", f"{suite.name}: {place} is at {shown(commit)}, {moves} moves on record ({unknown})")
