"""What identifies how an assertion decides, besides its own fields: code, models, prompts, forms, examples."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval_pipeline.assertions.fields import assertion as spec
from eval_pipeline.assertions.fields.assertion import Assertion
from eval_pipeline.assertions.fields.judged import Judged
from eval_pipeline.assertions.judged import judge_of, question_of
from eval_pipeline.assertions.judges.corrections import examples_for
from eval_pipeline.assertions.judges.prompt import COMPARING, SYSTEM
from eval_pipeline.assertions.judges.questions import PreferenceForm
from eval_pipeline.errors import InputError
from eval_pipeline.suite.import_path import model_version, source_digest
from eval_pipeline.suite.spec.judge import Judge


class AssertionVersions:
    """The versions of a suite's assertions. Code is read once: what is imported does not change while it runs."""

    def __init__(self, *, folder: Path, judge: Judge | None) -> None:
        self._folder, self._judge = folder, judge
        self._source = functools.cache(functools.partial(source_digest, folder=folder))
        self._model = functools.cache(functools.partial(model_version, folder=folder))

    def of(self, assertions: Sequence[Assertion]) -> list[Any]:
        """The version of each assertion that depends on more than its fields, in their order."""
        return [version for version in map(self._of, assertions) if version is not None]

    def _of(self, assertion: Assertion) -> Any:
        if isinstance(assertion, spec.Python | spec.Evaluator):
            return self._source(assertion.path)
        if isinstance(assertion, spec.Similarity):
            return None if assertion.model is None else self._model(assertion.model)
        if isinstance(assertion, Judged):
            return self._of_judged(assertion)
        return None

    def _of_judged(self, assertion: spec.LlmRubric | spec.LlmScore | spec.LlmPreference) -> Any:
        try:
            judge = judge_of(assertion, self._judge)
            comparing = isinstance(assertion, spec.LlmPreference)
            examples = examples_for(judge, assertion.name or assertion.type, folder=self._folder)
        except InputError as error:
            return str(error)  # the attempt will say so
        form = PreferenceForm if isinstance(assertion, spec.LlmPreference) else question_of(assertion).form
        return {
            "models": [self._model(name) for name in judge.models],
            "judge": judge.model_dump(mode="json", exclude={"model", "corrections", "prompt"}),
            "prompt": COMPARING if comparing else SYSTEM,
            "form": form.model_json_schema(),
            "examples": [] if comparing else list(examples),
        }
