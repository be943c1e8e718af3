"""The Prompt Hub that commands use: LangSmith's with an API key, else the recorder's, started if it does not answer."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from eval_pipeline.cli.servers.recorder import settings_at_hand
from eval_pipeline.errors import InfrastructureError, InputError, Problem
from eval_pipeline.prompts.hub import PromptHub
from eval_pipeline.prompts.opening import open_hub, open_prompts
from eval_pipeline.prompts.suite_prompts import named_prompts, prompt_problems
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.suite import Suite
from eval_pipeline.suite.varied_target import field_of, varied_suite


@contextlib.contextmanager
def hub_at_hand() -> Iterator[PromptHub]:
    """The Prompt Hub, while the context is open."""
    with settings_at_hand() as settings, open_hub(settings) as hub:
        yield hub


def find_prompt_problems(suite: Suite) -> list[Problem]:
    """The problems of the prompts that a suite and its variants use; none if the Hub cannot be reached."""
    problems = _problems_of(suite)
    for variant in suite.spec.variants:
        try:
            varied = varied_suite(suite, variant)
        except InputError:  # `check_suite` reports it
            continue
        own = [problem for problem in _problems_of(varied) if problem not in problems]
        problems += [replace(problem, field=f"{field_of(suite, variant)}: {problem.field}") for problem in own]
    return problems


def _problems_of(suite: Suite) -> list[Problem]:
    prompts = list(named_prompts(suite))
    if not prompts:
        return []
    if all(prompt.reference.place == "file" for prompt in prompts):
        with open_prompts(LangSmithSettings.from_environment(), suite.folder) as store:
            return prompt_problems(suite, store)
    with settings_at_hand() as settings, open_prompts(settings, suite.folder) as store:
        try:
            return prompt_problems(suite, store)
        except InfrastructureError:
            return []
