"""The prompt tag that a suite's promotions move: the one that its target is evaluated with.

So what is promoted was evaluated, and the next run evaluates it again.
"""

from collections.abc import Iterator

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.spec.prompt_reference import LATEST, PromptReference, parse_reference
from eval_pipeline.suite.suite import SUITE_FILE, Suite


def promoted_prompt(suite: Suite) -> PromptReference:
    """The prompt, with the tag as its version.

    Raises:
        InputError: the target's prompt is not at a tag in the Prompt Hub.
    """
    written = suite.spec.target.prompt_reference
    reference = None if written is None else parse_reference(written)
    if reference is None or not _at_a_tag(reference):
        what = "no prompt" if written is None else repr(written)
        message = f"the target has {what}, but promotions move a tag of a prompt in the Prompt Hub"
        fix = "write `target.prompt: hub:NAME:TAG`, such as `hub:support:production`"
        raise InputError(Problem(message=message, fix=fix, file=suite.folder / SUITE_FILE, field="target.prompt"))
    return reference


def is_promotable(written: str) -> bool:
    """Whether a prompt, as it is written in `suite.yaml`, is at a tag in the Prompt Hub."""
    try:
        return _at_a_tag(parse_reference(written))
    except InputError:
        return False


def _at_a_tag(reference: PromptReference) -> bool:
    return reference.place == "hub" and reference.version not in (None, LATEST) and not reference.pinned


def wants_promotions(suite: Suite) -> bool:
    """Whether a suite promotes prompts, or has a sensor that watches its prompt."""
    sensors = suite.spec.sensors
    return suite.spec.promotion.enabled or sensors.prompt_committed.enabled or sensors.prompt_regressed.enabled


def has_promotions(suite: Suite) -> bool:
    """Whether a suite can have promotions: its prompt is at a tag.

    Raises:
        InputError: the suite asks for promotions that are impossible; carries every problem.
    """
    if problems := list(promotion_problems(suite)):
        raise InputError(problems)
    try:
        promoted_prompt(suite)
    except InputError:
        return False
    return True


def promotion_problems(suite: Suite) -> Iterator[Problem]:
    """The problems of the promotions that a suite asks for."""
    if not wants_promotions(suite):
        return
    try:
        promoted_prompt(suite)
    except InputError as error:
        yield from error.problems
    if suite.spec.sensors.prompt_committed.promote and not suite.spec.promotion.enabled:
        message = "winning commits cannot be promoted: `promotion.enabled` is false"
        fix = "write `promotion: {enabled: true}`, or leave `promote` out"
        field = "sensors.prompt_committed.promote"
        yield Problem(message=message, fix=fix, file=suite.folder / SUITE_FILE, field=field)
