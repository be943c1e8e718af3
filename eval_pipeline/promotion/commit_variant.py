"""A commit of a suite's prompt as the one variant that is compared with the suite as it stands."""

from dataclasses import replace

from eval_pipeline.promotion.moving import shown
from eval_pipeline.suite.promoted_prompt import promoted_prompt
from eval_pipeline.suite.spec.variant import VariantSpec
from eval_pipeline.suite.suite import Suite


def commit_variant_name(commit: str) -> str:
    """What the variant is called."""
    return f"commit-{shown(commit)}"


def with_commit_variant(suite: Suite, commit: str) -> Suite:
    """`suite`, whose one variant is a commit of the prompt that its target has.

    Raises:
        InputError: the prompt is at no tag of the Hub.
    """
    place = promoted_prompt(suite)
    variant = VariantSpec(name=commit_variant_name(commit), prompt=str(place.at(commit)))
    return replace(suite, spec=suite.spec.model_copy(update={"variants": (variant,)}))
