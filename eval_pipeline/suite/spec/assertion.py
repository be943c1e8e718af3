"""Assertions as they are written: the base class of every type, its registry, and the type of fields that hold any."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple, TypeVar

from pydantic import Field
from typing_extensions import override

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.suite.code.returned_values import ReturnedValue, returned_values
from eval_pipeline.suite.code.version import files_digest, named_in, registered_version, source_digest
from eval_pipeline.suite.documents.document import Document, DocumentClass
from eval_pipeline.suite.import_path import import_problems, is_code_path, resolve
from eval_pipeline.suite.spec.judge import Judge
from eval_pipeline.suite.spec.registry import Registry
from eval_pipeline.suite.spec.target import Target

_D = TypeVar("_D")


class AssertionExample(NamedTuple):
    """A row of the reference in docs/assertions.md. Tests run it."""

    assertion: str
    """The assertion in YAML."""
    passes: str
    """An answer that passes; or, as a YAML mapping, what else the target did: `{calls: [find]}`, `{tokens: 100}`."""
    fails: str


@dataclass(frozen=True, kw_only=True)
class SuiteFacts:
    """What an assertion may look at in its suite when it is validated or its version is computed."""

    folder: Path
    judge: Judge | None
    target: Target
    tables: Collection[str]
    """The names of the shared context's tables."""
    _digests: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False, compare=False)
    _returned: dict[str, frozenset[ReturnedValue]] = field(default_factory=dict, repr=False, compare=False)
    _problems: dict[tuple[str, str], Sequence[Problem]] = field(default_factory=dict, repr=False, compare=False)

    def source_digest(self, path: str, version_files: Sequence[str] = ()) -> str:
        """A digest of the source of an import path. It is read once: imported code does not change while it runs."""
        return self._once(
            (path, *version_files), lambda: source_digest(path, folder=self.folder, version_files=version_files)
        )

    def files_digest(self, version_files: Sequence[str]) -> str | None:
        """A digest of the files of `version_files`; None without patterns."""
        return self._once(("", *version_files), lambda: files_digest(version_files, folder=self.folder))

    def registered_version(self, kind: type) -> str | None:
        """A digest of the source of a class that another package registers; None for the built-in ones."""
        return self._once(("class", kind.__module__), lambda: registered_version(kind, folder=self.folder))

    def named_in(self, arguments: Mapping[str, Any]) -> list[str]:
        """The digests of the import paths and of the suite's files that arguments name."""
        key = ("named", json.dumps(dict(arguments), sort_keys=True, default=str))
        return self._once(key, lambda: [*named_in(arguments, folder=self.folder).values()]) if arguments else []

    def _once(self, key: tuple[str, ...], compute: Callable[[], _D]) -> _D:
        if key not in self._digests:
            self._digests[key] = compute()
        digest: _D = self._digests[key]
        return digest

    def returned_values(self, path: str) -> frozenset[ReturnedValue]:
        """What the function that `path` names may return, as far as its source says; empty if it cannot be imported."""
        if path not in self._returned:
            try:
                self._returned[path] = returned_values(resolve(path, folder=self.folder))
            except InputError:  # `check` reports it
                self._returned[path] = frozenset()
        return self._returned[path]

    def model_version(self, name: str) -> str:
        """What identifies a model: its name; for an import path, a digest of its source as well."""
        return f"{name}@{self.source_digest(name)}" if is_code_path(name) else name

    def import_problems(self, path: str, *, field: str) -> Sequence[Problem]:
        """Why nothing can be imported from the import path in `field`, if so. It is imported once."""
        if (path, field) not in self._problems:
            self._problems[path, field] = import_problems(path, folder=self.folder, field=field)
        return self._problems[path, field]


class Assertion(Document):
    """A rule that a case makes; the base class of every type.

    A type is a subclass with its fields, among them `type: Literal["its_name"]`, and `check`. It is registered in
    `ASSERTIONS`, or by another package as an entry point of the group `eval_pipeline.assertions`.
    """

    type: str
    name: str | None = None
    """The metric this assertion counts under; by default its type, or the name of the user's function."""
    negate: bool = False
    """Inverts the result after the threshold was applied; a score becomes one minus itself."""
    weight: float = Field(default=1.0, ge=0)
    """Share in the case's score. An assertion of weight 0 is reported and decides nothing."""
    threshold: float | None = Field(default=None, ge=0, le=1)
    """For assertions that score: the score from which it passes. Without one a bare score decides nothing."""

    examples: ClassVar[Sequence[AssertionExample]] = ()
    """Its rows in the reference."""
    needs_runs: ClassVar[bool] = False
    """Whether it looks at the runs of the attempt, inputs and outputs of chains included."""
    may_take_long: ClassVar[bool] = False
    """Whether it searches with patterns or validates, which may take long on some answers: it is done in a thread."""
    calls_user_code: ClassVar[bool] = False
    """Whether it is what a callable of the user's decides, so that its metric is that callable's alone."""

    @property
    def metric(self) -> str:
        """The metric it counts under, unless what it returns names another."""
        return self.name or self.type

    @property
    def worst_value(self) -> float | None:
        """What gates count for an attempt that ended in an error, of a metric without bounds."""
        return None

    def check(self, scope: Any) -> Any:
        """Decide about `scope`, an `eval_pipeline.assertions.scope.Scope`.

        A subclass overrides it, as a method or as a coroutine if it calls a model or user code, and returns a
        `CheckResult` of the same module, or a list of them. `negate`, `weight` and `threshold` are applied to what it
        returns. Whatever it raises is the result of this assertion, apart from an `InfrastructureError`.
        """
        raise NotImplementedError

    def decide(self, scope: Any) -> Any:
        """What `check` returns of the part of `scope` that this assertion looks at, which is all of it here."""
        return self.check(scope)

    def metrics(self, suite: SuiteFacts) -> Collection[str] | None:
        """The metrics it may report; None if what it returns may name any."""
        del suite
        return (self.metric,)

    def may_decide(self, suite: SuiteFacts) -> bool:
        """Whether it may pass or fail; False if it only scores, as a number decides nothing without a `threshold`."""
        del suite
        return True

    def version(self, suite: SuiteFacts) -> Any:
        """What identifies how it decides besides its fields, as JSON: code, models, prompts. None: nothing does."""
        del suite

    def sees_context(self, suite: SuiteFacts) -> bool:
        """Whether what it decides by is read from the shared context, so that the context's version is its own."""
        del suite
        return False

    def scores_stored(self, folder: Path) -> bool:
        """Whether it can score an answer that is stored, without the runs of the attempt."""
        del folder
        return not self.needs_runs

    def code_paths(self, suite: SuiteFacts) -> Iterable[str]:
        """The import paths of the code that its version covers."""
        del suite
        return ()

    def problems(self, suite: SuiteFacts) -> Iterable[Problem]:
        """What is wrong with it in `suite`, each at a `field` of its own. Equal problems are reported once."""
        del suite
        return ()

    def problems_with(self, reference: Mapping[str, Any]) -> Iterable[Problem]:
        """What is wrong with it in a case that has this `reference`, each at a `field` of its own."""
        del reference
        return ()

    @override
    @classmethod
    def class_of(cls, data: Any) -> DocumentClass:
        return ASSERTIONS.class_of(data) if cls is Assertion else cls


ASSERTIONS = Registry(
    Assertion,
    tag="type",
    group="eval_pipeline.assertions",
    built_in={
        "contains": "eval_pipeline.assertions.text:Contains",
        "icontains": "eval_pipeline.assertions.text:IContains",
        "not_contains": "eval_pipeline.assertions.text:NotContains",
        "equals": "eval_pipeline.assertions.text:Equals",
        "starts_with": "eval_pipeline.assertions.text:StartsWith",
        "regex": "eval_pipeline.assertions.text:Regex",
        "one_of": "eval_pipeline.assertions.text:OneOf",
        "is_json": "eval_pipeline.assertions.json_text:IsJson",
        "json_schema": "eval_pipeline.assertions.json_text:JsonSchema",
        "json_path": "eval_pipeline.assertions.json_text:JsonPath",
        "numeric": "eval_pipeline.assertions.numeric:Numeric",
        "number": "eval_pipeline.assertions.unbounded:Number",
        "similarity": "eval_pipeline.assertions.similarity:Similarity",
        "contains_function_call": "eval_pipeline.assertions.calls:ContainsFunctionCall",
        "no_function_call": "eval_pipeline.assertions.calls:NoFunctionCall",
        "function_call_order": "eval_pipeline.assertions.calls:FunctionCallOrder",
        "handoff_to": "eval_pipeline.assertions.calls:HandoffTo",
        "max_latency": "eval_pipeline.assertions.limits:MaxLatency",
        "max_tokens": "eval_pipeline.assertions.limits:MaxTokens",
        "max_cost": "eval_pipeline.assertions.limits:MaxCost",
        "max_turns": "eval_pipeline.assertions.limits:MaxTurns",
        "grounded_in_context": "eval_pipeline.assertions.grounding:GroundedInContext",
        "llm_rubric": "eval_pipeline.assertions.judged:LlmRubric",
        "llm_score": "eval_pipeline.assertions.judged:LlmScore",
        "llm_preference": "eval_pipeline.assertions.judged:LlmPreference",
        "retrieved": "eval_pipeline.assertions.retrieval.retrieved:Retrieved",
        "cites": "eval_pipeline.assertions.retrieval.retrieved:Cites",
        "faithful": "eval_pipeline.assertions.retrieval.judged:Faithful",
        "answers_question": "eval_pipeline.assertions.retrieval.judged:AnswersQuestion",
        "context_relevant": "eval_pipeline.assertions.retrieval.judged:ContextRelevant",
        "python": "eval_pipeline.assertions.python:Python",
        "evaluator": "eval_pipeline.assertions.evaluator:Evaluator",
    },
)
"""Every type of assertion."""

AnyAssertion = Annotated[Assertion, ASSERTIONS]
"""The type of a field that holds an assertion of any registered type."""
