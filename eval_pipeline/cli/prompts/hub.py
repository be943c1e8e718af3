"""The Prompt Hub of the terminal: LangSmith's with a key, else that of the recorder, started if it does not answer."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from eval_pipeline.cli.servers.recording import recorder_at_hand
from eval_pipeline.defs.launching.instance import home_folder
from eval_pipeline.errors import InfrastructureError, InputError, Problem
from eval_pipeline.prompts.hub import PromptHub
from eval_pipeline.prompts.opening import open_hub, open_prompts
from eval_pipeline.prompts.suite_prompts import named_prompts, prompt_problems
from eval_pipeline.settings import LangSmithSettings
from eval_pipeline.suite.suite import Suite
from eval_pipeline.suite.varied_target import field_of, varied_suite


@contextlib.contextmanager
def hub_at_hand() -> Iterator[PromptHub]:
    """The Hub."""
    with _settings() as settings, open_hub(settings) as hub:
        yield hub


def prompt_problems_at_hand(suite: Suite) -> list[Problem]:
    """What is wrong with the prompts that a suite and its variants name.

    That the Hub is away is no problem of the suite's.
    """
    found = _problems_of(suite)
    for variant in suite.spec.variants:
        try:
            varied = varied_suite(suite, variant)
        except InputError:  # which is told as what it is
            continue
        own = [problem for problem in _problems_of(varied) if problem not in found]
        found += [replace(problem, field=f"{field_of(suite, variant)}: {problem.field}") for problem in own]
    return found


def _problems_of(suite: Suite) -> list[Problem]:
    named = list(named_prompts(suite))
    if not named:
        return []
    if all(each.reference.place == "file" for each in named):
        with open_prompts(LangSmithSettings.from_environment(), suite.folder) as store:
            return prompt_problems(suite, store)
    with _settings() as settings, open_prompts(settings, suite.folder) as store:
        try:
            return prompt_problems(suite, store)
        except InfrastructureError:
            return []


@contextlib.contextmanager
def _settings() -> Iterator[LangSmithSettings]:
    home = home_folder()
    home.mkdir(parents=True, exist_ok=True)
    with recorder_at_hand(home) as langsmith:
        yield langsmith.settings()
