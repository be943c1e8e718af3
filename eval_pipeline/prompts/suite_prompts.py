"""The prompts of a suite in one run: resolved once, and pinned in the experiment's record."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from eval_pipeline.errors import InputError, PermanentError, Problem, TransientError
from eval_pipeline.prompts.current import FilledPrompt
from eval_pipeline.prompts.resolving import PromptOverridesStore, ResolvedPrompt
from eval_pipeline.results.experiment_record import PinnedPrompt, PromptRole
from eval_pipeline.suite.spec.prompt_reference import PromptReference, parse_reference
from eval_pipeline.suite.spec.target import PromptedTarget
from eval_pipeline.suite.suite import SUITE_FILE, Suite


@dataclass(frozen=True, kw_only=True)
class NamedPrompt:
    """A prompt as a suite names it."""

    role: PromptRole
    reference: PromptReference
    variables: tuple[str, ...] = ()
    fallback: PromptReference | None = None


@dataclass(frozen=True, kw_only=True)
class SuitePrompts:
    """The prompts of a run; empty for a suite that names none."""

    target: ResolvedPrompt | None = None
    judge: ResolvedPrompt | None = None
    pinned: Mapping[PromptRole, PinnedPrompt] | None = None

    @property
    def version(self) -> str | None:
        """What it adds to the target's version; None if the suite names no prompt for the target."""
        if self.target is None:
            return None
        return f"prompt-{self.target.prompt.commit[:12]}"

    def filled(self, suite: Suite, data: Mapping[str, Any] | None = None) -> FilledPrompt | None:
        """The target's prompt, filled with `target.variables` and the `data` of a case."""
        if self.target is None:
            return None
        assert isinstance(suite.spec.target, PromptedTarget)
        own = {name: value for name, value in suite.spec.target.variables.items() if value is not None}
        return FilledPrompt(prompt=self.target.prompt, values={**own, **(data or {})})

    def applied(self, suite: Suite) -> Suite:
        """`suite`, whose judge has the text of its prompt as instructions."""
        judge = suite.spec.judge
        if judge is None or self.judge is None:
            return suite
        text = FilledPrompt(prompt=self.judge.prompt).text()
        spec = suite.spec.model_copy(update={"judge": judge.model_copy(update={"instructions": text})})
        return replace(suite, spec=spec)


NO_PROMPTS = SuitePrompts()


def named_prompts(suite: Suite) -> Iterator[NamedPrompt]:
    """The prompts that a suite names."""
    target, judge = suite.spec.target, suite.spec.judge
    if isinstance(target, PromptedTarget) and target.prompt is not None:
        yield NamedPrompt(
            role="target",
            reference=parse_reference(target.prompt),
            variables=tuple(target.variables),
            fallback=None if target.fallback is None else parse_reference(target.fallback),
        )
    if judge is not None and judge.prompt is not None:
        yield NamedPrompt(
            role="judge",
            reference=parse_reference(judge.prompt),
            fallback=None if judge.fallback is None else parse_reference(judge.fallback),
        )


def resolve_prompts(
    suite: Suite, store: PromptOverridesStore, *, pinned: Mapping[PromptRole, PinnedPrompt] | None = None
) -> SuitePrompts:
    """The prompts that `suite` names.

    Args:
        suite: names them.
        store: resolves them.
        pinned: the versions in the experiment's record, for a run that joins it.

    Raises:
        InputError: there is no such prompt, or it lost a variable.
        CredentialsError: the key was refused, and there is no replacement.
        TransientError: the Hub, or the pinned commit, cannot be fetched, and there is no replacement.
        PermanentError: the experiment was begun without the prompt, by a version that allowed that.
    """
    resolved: dict[PromptRole, ResolvedPrompt] = {}
    pins: dict[PromptRole, PinnedPrompt] = {}
    for named in named_prompts(suite):
        pin = None if pinned is None else pinned.get(named.role)
        try:
            resolved[named.role] = _resolve(named, store) if pin is None else _resolve_pinned(named, store, pin)
        except InputError as error:
            raise InputError([_placed(problem, suite, named.role) for problem in error.problems]) from error
        pins[named.role] = pin or _pin(named, resolved[named.role])
    return SuitePrompts(target=resolved.get("target"), judge=resolved.get("judge"), pinned=pins or None)


def prompt_problems(suite: Suite, store: PromptOverridesStore) -> list[Problem]:
    """The problems of a suite's prompts: those that are missing, cannot be read, or lost a variable."""
    problems: list[Problem] = []
    for named in named_prompts(suite):
        try:
            _resolve(named, store)
        except InputError as error:
            problems += [_placed(problem, suite, named.role) for problem in error.problems]
    return problems


def _resolve(named: NamedPrompt, store: PromptOverridesStore) -> ResolvedPrompt:
    resolved = store.resolve(named.reference, variables=named.variables, fallback=named.fallback)
    if named.role == "judge" and resolved.prompt.variables:
        variables = ", ".join(sorted(resolved.prompt.variables))
        fix = "commit one without variables: a judge has the same instructions for all cases"
        raise InputError(Problem(message=f"the prompt {named.reference} needs {variables}", fix=fix))
    return resolved


def _resolve_pinned(named: NamedPrompt, store: PromptOverridesStore, pin: PinnedPrompt) -> ResolvedPrompt:
    if pin.used is None or pin.commit is None:
        message = f"the experiment was begun without the prompt {pin.reference}, which could not be fetched"
        raise PermanentError(message, fix="begin a new experiment")
    used = parse_reference(pin.used)
    reference = used if used.place == "file" else used.at(pin.commit)
    try:
        return store.resolve(reference, variables=named.variables)
    except TransientError as error:
        message = f"the experiment uses {pin.used} at {pin.commit}: {error.message}"
        raise TransientError(message, fix="try again when the Hub answers") from error


def _pin(named: NamedPrompt, resolved: ResolvedPrompt) -> PinnedPrompt:
    return PinnedPrompt(
        reference=str(named.reference),
        used=str(resolved.prompt.reference),
        commit=resolved.prompt.commit,
        source=resolved.source,
        steps=resolved.steps,
    )


def _placed(problem: Problem, suite: Suite, role: PromptRole) -> Problem:
    file = suite.folder / SUITE_FILE if problem.file is None else problem.file
    return replace(problem, file=file, field=f"{role}.prompt")
