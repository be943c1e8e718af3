"""The variants of a suite, each as the suite that it makes; `current`, the suite as it stands, is the first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.prompts.suite_prompts import SuitePrompts
from eval_pipeline.suite.spec.prompt_reference import parse_reference
from eval_pipeline.suite.spec.variant import CURRENT
from eval_pipeline.suite.suite import SUITE_FILE, Suite
from eval_pipeline.suite.varied_target import changes_of, varied_suite


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One of the targets that are compared."""

    name: str
    suite: Suite
    """The suite with its target."""
    changes: tuple[str, ...]
    """What it changes: `prompt:NAME`, `model`, `params`, `config`; nothing for `current`."""


def variants_of(suite: Suite, names: Sequence[str] | None = None) -> list[Variant]:
    """`current`, and the variants of that name in suite.yaml, by default all.

    Raises:
        InputError: there are none, or none of that name, or one makes no target; carries every problem.
    """
    there = {variant.name: variant for variant in suite.spec.variants}
    chosen = [*there] if names is None else [name for name in dict.fromkeys(names) if name != CURRENT]
    problems = [_unknown(suite, name, there) for name in chosen if name not in there] if there else []
    if not (there and chosen):
        message = f"{suite.name} has no variants to compare"
        fix = 'write some: `variants: [{name: terse, prompt: "file:terse.txt"}]`'
        problems.append(Problem(message=message, fix=fix, file=suite.folder / SUITE_FILE, field="variants"))
    variants = [Variant(name=CURRENT, suite=suite, changes=())]
    for name in chosen:
        if name in there:
            try:
                varied = varied_suite(suite, there[name])
            except InputError as error:
                problems += error.problems
            else:
                variants.append(Variant(name=name, suite=varied, changes=_changes(suite, varied)))
    if problems:
        raise InputError(problems)
    return variants


def prompt_names(prompts: SuitePrompts) -> dict[str, str]:
    """The prompts of a target: by the Hub's name the commit, by `file:PATH` a digest of the text."""
    pinned = (prompts.pinned or {}).get("target")
    if pinned is None:
        return {}
    used = pinned.used or pinned.reference
    return {_name(used): pinned.commit or "none"}


def _changes(suite: Suite, varied: Suite) -> tuple[str, ...]:
    return tuple(
        f"prompt:{_name(reference)}"
        if change == "prompt" and (reference := varied.spec.target.prompt_reference)
        else change
        for change in changes_of(suite, varied)
    )


def _name(reference: str) -> str:
    parsed = parse_reference(reference)
    return str(parsed) if parsed.place == "file" else parsed.name


def _unknown(suite: Suite, name: str, there: Iterable[str]) -> Problem:
    fix = f"use one of: {', '.join(there)}"
    message = f"there is no variant {name!r} in {suite.name}"
    return Problem(message=message, fix=fix, file=suite.folder / SUITE_FILE, field="variants")
