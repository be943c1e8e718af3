"""Fingerprints of results: what an answer, and a score, depends on. What has an equal one need not be made again."""

import functools
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eval_pipeline.context.reads import HeldReads
from eval_pipeline.context.shared_context import SharedContext
from eval_pipeline.results.case_result import AssertionResult
from eval_pipeline.results.result_row import RESULT_SCHEMA_VERSION
from eval_pipeline.store.content_hash import digest
from eval_pipeline.suite.case import Case
from eval_pipeline.suite.dataset.stored import Fingerprinted
from eval_pipeline.suite.spec.assertion import Assertion, SuiteFacts
from eval_pipeline.suite.spec.simulation import Simulation
from eval_pipeline.suite.suite import Suite

_SCORES: dict[str, Any] = {
    "assertions": True,
    "turns": {"__all__": {"assertions"}},
    "simulation": {"assertions", "goal_required"},
}
"""The fields of a case that say how an answer is scored."""
_ABOUT: dict[str, Any] = {"description": True, "split": True, "tags": True, "reference": True, "metadata": True}
"""The fields of a case that a target does not see, unless it asks for the case."""
_BUILT_IN = "eval_pipeline.assertions."


@dataclass(frozen=True, kw_only=True)
class ScoreIdentity:
    """What a score is identified by, besides its answer."""

    version: str
    """Of the assertion: its fields, code, models and prompts. The metric's yardstick."""
    fingerprint: str
    """Of the version, and of what the assertion sees of the case."""

    def given_to(self, result: AssertionResult) -> AssertionResult:
        """`result`, with this identity."""
        return replace(result, version=self.version, fingerprint=self.fingerprint)


@dataclass(frozen=True, kw_only=True)
class Fingerprints:
    """The fingerprints of one evaluator's results."""

    suite: Suite
    context: SharedContext | None
    target_version: str
    variant: str | None
    reads_case: bool
    """Whether the target sees all of a case, such as its tags."""

    def whole(self, case: Fingerprinted) -> str:
        """A hash of what the result of an attempt depends on."""
        return self.with_and_without_context(case)[0]

    def without_context(self, case: Fingerprinted) -> str | None:
        """As `whole`, of all but the context; None without one."""
        return self.with_and_without_context(case)[1]

    def with_and_without_context(self, case: Fingerprinted) -> tuple[str, str | None]:
        """`whole` and `without_context`, of which the versions of the case's assertions are the dear part."""
        first = [RESULT_SCHEMA_VERSION, case.content_hash()]
        rest = [
            self.target_version,
            self.variant,
            self._suite_assertions,
            self._versions_of(case.every_assertion),
            *([] if case.simulation is None else [self._user_version(case.simulation)]),
            *self._limits,
        ]
        whole = digest(*first, self._context_version(case.id), *rest)
        return whole, None if self.context is None else digest(*first, None, *rest)

    def answer(self, case: Case) -> str:
        """A hash of what the answer of an attempt depends on: no assertion, tag or weight is a part of it."""
        return self._answer(case, self._context_version(case.id))

    def answer_without_context(self, case: Case) -> str | None:
        """As `answer`, of all but the context; None without one."""
        return None if self.context is None else self._answer(case, None)

    def _answer(self, case: Case, context_version: str | None) -> str:
        user = None if case.simulation is None else self._user_version(case.simulation)
        parts = (self.inputs(case), context_version, self.target_version, self.variant, user, *self._limits)
        return digest("answer", *parts)

    def reads_alike(self, case: Fingerprinted, without_context: str | None, reads: str | None) -> bool:
        """Whether an earlier attempt with these reads depends on nothing that has changed since.

        Args:
            case: as it is now.
            without_context: the earlier attempt's fingerprint of all but the context.
            reads: what it read of the context of that time.
        """
        if self._held_reads is None or reads is None or without_context is None:
            return False
        return without_context == self.without_context(case) and self._held_reads.hold(reads)

    def answer_reads_alike(self, case: Case, without_context: str | None, reads: str | None) -> bool:
        """As `reads_alike`, of an earlier attempt's answer."""
        if self._held_reads is None or reads is None or without_context is None:
            return False
        return without_context == self.answer_without_context(case) and self._held_reads.hold(reads)

    @functools.cached_property
    def _held_reads(self) -> HeldReads | None:
        return None if self.context is None else HeldReads(self.context)

    def scores(self, assertions: Sequence[Assertion], case: Case) -> Iterator[tuple[Assertion, ScoreIdentity]]:
        """The assertions at one place of a case, each with an identity of its score that no other one has."""
        seen: Counter[str] = Counter()
        for assertion in assertions:
            version = self._version_of(assertion)
            context = [self._context_version(case.id)] if assertion.sees_context(self._facts) else []
            fingerprint = digest(version, _seen(assertion, case), seen[version], *context)
            seen[version] += 1
            yield assertion, ScoreIdentity(version=version, fingerprint=fingerprint)

    def inputs(self, case: Case) -> dict[str, Any]:
        """What a target is given of a case."""
        left_out = _SCORES if self.reads_case else {**_SCORES, **_ABOUT}
        return case.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=left_out)

    def metrics(self) -> dict[str, str]:
        """By metric, the version of the suite's assertions that it is measured by."""
        versions: defaultdict[str, list[str]] = defaultdict(list)
        for assertion in self.suite.spec.assertions:
            versions[assertion.metric].append(self._version_of(assertion))
        return {name: own[0] if len(own) == 1 else digest(sorted(own)) for name, own in versions.items()}

    def _context_version(self, case_id: str) -> str | None:
        # The case's own part of it: the snapshot's id changes with every case.
        return None if self.context is None else self.context.version_for(case_id)

    @functools.cached_property
    def _limits(self) -> list[Any]:
        """What ends an attempt early, where the suite limits it."""
        limits = self.suite.spec.limits
        return [{"limits": limits.model_dump(exclude_none=True)}] if limits.any else []

    @functools.cached_property
    def _suite_assertions(self) -> list[Any]:
        assertions = self.suite.spec.assertions
        fields = [assertion.model_dump(mode="json", by_alias=True) for assertion in assertions]
        return [fields, self._versions_of(assertions)]

    @functools.cached_property
    def _of_suite(self) -> dict[int, str]:
        """By identity, the versions of the suite's assertions, which all cases have."""
        return {id(assertion): self._computed(assertion) for assertion in self.suite.spec.assertions}

    def _version_of(self, assertion: Assertion) -> str:
        return self._of_suite.get(id(assertion)) or self._computed(assertion)

    def _computed(self, assertion: Assertion) -> str:
        # These change what a score counts for, and not the score.
        fields = assertion.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"weight", "worst"})
        return digest(fields, self._versions_of([assertion]))

    @functools.cached_property
    def _facts(self) -> SuiteFacts:
        return self.suite.facts()

    def _versions_of(self, assertions: Sequence[Assertion]) -> list[Any]:
        facts = self._facts
        parts = ((assertion.version(facts), facts.registered_version(type(assertion))) for assertion in assertions)
        return [part for pair in parts for part in pair if part is not None]

    def _user_version(self, simulation: Simulation) -> Any:
        spec = self.suite.spec.simulated_user
        files = () if spec is None else spec.version_files
        if simulation.script is not None:
            return self._facts.source_digest(simulation.script, files)
        name = simulation.model or (None if spec is None else spec.model)
        version = None if name is None or simulation.rules else self._facts.model_version(name)
        return [version, self._facts.files_digest(files)] if files else version


def metric_versions(suite: Suite) -> dict[str, str]:
    """By metric, the version of the assertions of `suite`, whose prompts are applied, that it is measured by."""
    return Fingerprints(suite=suite, context=None, target_version="", variant=None, reads_case=True).metrics()


def _seen(assertion: Assertion, case: Case) -> Any:
    """What an assertion sees of a case besides the conversation: code of the user's all of it, others the reference."""
    if type(assertion).__module__.startswith(_BUILT_IN) and not assertion.calls_user_code:
        return [case.reference, dict(case.metadata)]
    return case.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=_SCORES)
