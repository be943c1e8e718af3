"""Which tag of which prompt a suite's promotions move: the one that its target is evaluated with.

So a promotion is decided from what was evaluated, and the next run evaluates what was promoted.
"""

from collections.abc import Iterator

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.spec.prompt_reference import LATEST, PromptReference, parse_reference
from eval_pipeline.suite.suite import SUITE_FILE, Suite


def promoted_prompt(suite: Suite) -> PromptReference:
    """The prompt and, as its version, the tag.

    Raises:
        InputError: the target has no prompt of the Hub at a tag.
    """
    written = suite.spec.target.prompt_reference
    found = None if written is None else parse_reference(written)
    if found is None or found.place != "hub" or found.version in (None, LATEST) or found.pinned:
        what = "no prompt" if written is None else repr(written)
        message = f"the target has {what}, and promotions move a tag of a prompt in the Hub"
        fix = "write `target.prompt: hub:NAME:TAG`, such as `hub:support:production`"
        raise InputError(Problem(message=message, fix=fix, file=suite.folder / SUITE_FILE, field="target.prompt"))
    return found


def wants_promotions(suite: Suite) -> bool:
    """Whether anything of a suite moves its prompt's tag, or would, or looks at its commits."""
    sensors = suite.spec.sensors
    return suite.spec.promotion.enabled or sensors.prompt_committed.enabled or sensors.prompt_regressed.enabled


def has_promotions(suite: Suite) -> bool:
    """Whether promotions are anything to a suite: its prompt is at a tag.

    Raises:
        InputError: the suite asks for promotions in a way that cannot be; carries every problem.
    """
    if problems := list(promotion_problems(suite)):
        raise InputError(problems)
    try:
        promoted_prompt(suite)
    except InputError:
        return False
    return True


def promotion_problems(suite: Suite) -> Iterator[Problem]:
    """What is wrong with how a suite asks for promotions."""
    if not wants_promotions(suite):
        return
    try:
        promoted_prompt(suite)
    except InputError as error:
        yield from error.problems
    if suite.spec.sensors.prompt_committed.promote and not suite.spec.promotion.enabled:
        message = "commits that win are to be promoted, and nothing is: `promotion.enabled` is false"
        fix = "write `promotion: {enabled: true}`, or leave `promote` out"
        field = "sensors.prompt_committed.promote"
        yield Problem(message=message, fix=fix, file=suite.folder / SUITE_FILE, field=field)
