"""The options that change a suite for one run: `--model`, `--max-concurrency`, `--var`."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import click

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.spec.compute import LocalCompute
from eval_pipeline.suite.spec.variant import VariantSpec
from eval_pipeline.suite.suite import Suite
from eval_pipeline.suite.varied_target import varied_suite


def changes_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--model`, `--max-concurrency` and `--var`, as `model`, `max_concurrency` and `variables`."""
    options = (
        click.option("--model", metavar="NAME", help="Model of the target, instead of that in suite.yaml."),
        click.option("--max-concurrency", type=click.IntRange(min=1), metavar="N", help="Attempts in flight at once."),
        click.option(
            "--var",
            "variables",
            multiple=True,
            metavar="NAME=VALUE",
            help="Value of ${NAME} in suite.yaml. Repeatable.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def set_variables(given: Sequence[str]) -> None:
    """Set environment variables, which `${NAME}` in suite.yaml and child processes read.

    Raises:
        InputError: one of them has no value, or cannot be the name of a variable.
    """
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise InputError(Problem(message=f"{text!r} is no variable", fix="write NAME=VALUE", field="--var"))
        os.environ[name] = value


def changed_suite(suite: Suite, *, model: str | None, max_concurrency: int | None) -> Suite:
    """The suite with another model of its target, or another concurrency.

    Raises:
        InputError: its target takes no model, or its cases are evaluated by workers, which read suite.yaml themselves.
    """
    if (model, max_concurrency) != (None, None) and not isinstance(suite.spec.compute, LocalCompute):
        message = f"`compute: {suite.spec.compute.kind}` reads suite.yaml in each worker, which has not these options"
        fix = "use a variable, such as `model: ${MODEL:-openai:gpt-4o}`, and change it there"
        raise InputError(Problem(message=message, fix=fix, field="--model" if model else "--max-concurrency"))
    if model is not None and model not in suite.spec.target.models:
        variant = VariantSpec(name="model", model=model)
        spec = suite.spec.model_copy(update={"variants": (variant,)})
        try:
            varied = varied_suite(replace(suite, spec=spec), variant)
        except InputError as error:
            reasons = [problem.message.removeprefix("variant 'model': ") for problem in error.problems]
            fix = "give the target's factory `options: {model: …}`, or change suite.yaml"
            raise InputError(Problem(message=reason, fix=fix, field="--model") for reason in reasons) from error
        suite = replace(suite, spec=suite.spec.model_copy(update={"target": varied.spec.target}))
    if max_concurrency is not None:
        evaluation = suite.spec.evaluation.model_copy(update={"max_concurrency": max_concurrency})
        suite = replace(suite, spec=suite.spec.model_copy(update={"evaluation": evaluation}))
    return suite
