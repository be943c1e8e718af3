"""Applying a variant to a suite: the suite with the variant's target."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.documents.document import problems_of
from eval_pipeline.suite.spec.target import TARGETS, AnyTarget, PromptedTarget, Target
from eval_pipeline.suite.spec.variant import VariantSpec
from eval_pipeline.suite.suite import SUITE_FILE, Suite

_MERGED = ("options", "variables")
"""Mappings of a target to whose entries a variant adds."""


def varied_suite(suite: Suite, variant: VariantSpec) -> Suite:
    """`suite`, with the target of `variant`.

    Raises:
        InputError: the changed target is invalid, or the same; carries every problem.
    """
    problems = list(_problems(suite, variant))
    if problems:
        raise InputError(problems)
    fields = _fields(suite, variant)
    try:
        target = _TARGET.validate_python(fields)
    except ValidationError as error:
        raise InputError(_invalid(suite, variant, error, fields)) from error
    if target == suite.spec.target:
        fix = "change something, or leave it out"
        raise InputError(_problem(suite, variant, "it changes nothing in the suite's target", fix, "name"))
    return replace(suite, spec=suite.spec.model_copy(update={"target": target}))


def changes_of(suite: Suite, varied: Suite) -> tuple[str, ...]:
    """What differs between the targets of two suites: `prompt`, `model`, `params`, `config`, in this order."""
    before, after = ({**_plain(each.spec.target)} for each in (suite, varied))
    options = [{**(fields.pop("options", None) or {})} for fields in (before, after)]
    prompts = [fields.pop("prompt", None) for fields in (before, after)]
    models = [
        fields.pop("model", None) or own.pop("model", None)
        for fields, own in zip((before, after), options, strict=True)
    ]
    differs = {
        "prompt": prompts[0] != prompts[1],
        "model": models[0] != models[1],
        "params": options[0] != options[1],
        "config": before != after,
    }
    return tuple(name for name, changed in differs.items() if changed)


def _fields(suite: Suite, variant: VariantSpec) -> dict[str, Any]:
    """The target of a variant as plain data."""
    own = dict(variant.target)
    fields = own if "kind" in own else {**_plain(suite.spec.target), **own}
    if "kind" not in own:
        for name in _MERGED:
            if isinstance(own.get(name), Mapping):
                fields[name] = {**getattr(suite.spec.target, name, {}), **own[name]}
    if variant.prompt is not None:
        fields["prompt"] = variant.prompt
    if variant.params:
        fields["options"] = {**(fields.get("options") or {}), **variant.params}
    if variant.model is not None:
        if "model" in TARGETS.class_of(fields).model_fields:
            fields["model"] = variant.model
        else:
            fields["options"] = {**(fields.get("options") or {}), "model": variant.model}
    return fields


def _problems(suite: Suite, variant: VariantSpec) -> Iterator[Problem]:
    """What is wrong with a variant of the suite's own kind of target, before there is a target."""
    if "kind" in variant.target:
        return
    target, kind = suite.spec.target, suite.spec.target.kind
    options = {**target.options, **variant.params} if target.takes_options else {}
    if variant.prompt is not None and not isinstance(target, PromptedTarget):
        fix = "vary something else: the prompt of such a target is part of it"
        yield _problem(suite, variant, f"a `{kind}` target takes no prompt", fix, "prompt")
    if variant.model is not None and "model" not in {*type(target).model_fields, *options}:
        fix = "give the target's factory `options: {model: …}`, or vary `target`"
        yield _problem(suite, variant, f"the `{kind}` target takes no `model`", fix, "model")
    if variant.params and not target.takes_options:
        fix = "vary `target`"
        yield _problem(suite, variant, f"the `{kind}` target takes no options", fix, "params")


def _invalid(suite: Suite, variant: VariantSpec, error: ValidationError, data: Mapping[str, Any]) -> list[Problem]:
    problems = problems_of(error, model=TARGETS.class_of(data), data=data, file=suite.folder / SUITE_FILE)
    place = f"{field_of(suite, variant)}.target"
    return [
        replace(problem, field=place if problem.field is None else f"{place}.{problem.field}") for problem in problems
    ]


def field_of(suite: Suite, variant: VariantSpec) -> str:
    """Where a variant stands in suite.yaml."""
    return f"variants[{suite.spec.variants.index(variant)}]"


def _problem(suite: Suite, variant: VariantSpec, message: str, fix: str, name: str) -> Problem:
    return Problem(
        message=f"variant {variant.name!r}: {message}",
        fix=fix,
        file=suite.folder / SUITE_FILE,
        field=f"{field_of(suite, variant)}.{name}",
    )


def _plain(target: BaseModel) -> dict[str, Any]:
    return target.model_dump(exclude_unset=True)


_TARGET: TypeAdapter[Target] = TypeAdapter(AnyTarget)
