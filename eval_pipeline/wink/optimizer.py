"""`LangSmithEvaluatedOptimizer`: evaluates variants of WINK's prompts on a dataset of LangSmith."""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from langsmith import Client

from eval_pipeline.targets.wink_events import response_of, weakincentives
from eval_pipeline.wink.config import LangSmithConfig


@dataclass(slots=True, frozen=True)
class EvaluationResult:
    """The outcome of one variant of a prompt."""

    dataset_name: str
    example_count: int
    scores: Mapping[str, float]
    """By evaluator, the mean over the examples it scored."""
    passed: bool
    """Whether all examples completed, something scored, and all scores reach the threshold."""
    run_url: str | None
    """The experiment in LangSmith."""
    best_override: Any | None = None
    """The override that was evaluated, or of a comparison the best."""
    completed_count: int = 0
    """Examples whose evaluation did not break."""
    error: str | None = None
    """The first error of an example, or of the evaluation."""


@dataclass(slots=True, frozen=True)
class ComparisonResult:
    """Variants of a prompt, compared with the prompt as it is."""

    baseline: EvaluationResult
    results: tuple[EvaluationResult, ...]
    """Of each variant, in their order."""
    winner: Any | None
    """The override with the best mean score, if it passes and is better than the baseline. Differences by chance are
    not excluded: `eval-pipeline variants` tests them."""
    score_delta: float
    """How much better the winner is than the baseline; 0 without a winner."""


class LangSmithEvaluatedOptimizer:
    """Evaluates a prompt and its overrides on a dataset, one LangSmith experiment each."""

    def __init__(
        self,
        adapter: Any,
        *,
        dataset_name: str,
        evaluators: Sequence[Callable[..., Any]] | None = None,
        min_score_threshold: float = 0.0,
        config: LangSmithConfig | None = None,
        client: Client | None = None,
        bind: Callable[[Any, Mapping[str, Any]], Any] | None = None,
    ) -> None:
        """Evaluate nothing yet.

        Args:
            adapter: WINK's adapter of a provider, or an object that has one as `adapter`.
            dataset_name: of LangSmith.
            evaluators: as LangSmith's `evaluate` takes them.
            min_score_threshold: what every score must reach.
            config: the settings, by default the environment's.
            client: of LangSmith, by default that of `config`.
            bind: binds the inputs of an example to a prompt and returns it; by default the prompt is used as it is.
        """
        self._adapter = getattr(adapter, "adapter", adapter)
        self._dataset, self._evaluators = dataset_name, list(evaluators or ())
        self._threshold = min_score_threshold
        self._config = config or LangSmithConfig()
        self._client = client or self._config.client()
        self._bind = bind or (lambda prompt, _inputs: prompt)

    def optimize(self, prompt: Any, *, session: Any | None = None) -> EvaluationResult:
        """Evaluate the prompt as it is; each example in a session of its own, with the dispatcher of `session`."""
        return self.evaluate_variant(prompt, session=session)

    def evaluate_variant(
        self, prompt: Any, *, override: Any | None = None, session: Any | None = None
    ) -> EvaluationResult:
        """Evaluate the prompt with an override; never raises for what examples do."""

        def answer(inputs: dict[str, Any]) -> dict[str, Any]:
            return {"output": self._answer(self._bind(_with(prompt, override), inputs), session)}

        prefix = f"{prompt.ns}-{prompt.key}-{'current' if override is None else override.tag}"
        try:
            evaluated = self._client.evaluate(
                answer, data=self._dataset, evaluators=self._evaluators, experiment_prefix=prefix, max_concurrency=0
            )
            rows = list(evaluated)
        except Exception as error:  # noqa: BLE001 - of a dataset that is not there, a server that is away
            return EvaluationResult(self._dataset, 0, {}, passed=False, run_url=None, error=_text(error))
        values: dict[str, list[float]] = defaultdict(list)
        for row in rows:
            for result in row["evaluation_results"]["results"]:
                if result.score is not None:
                    values[result.key].append(float(result.score))
        errors = [row["run"].error for row in rows if row["run"].error]
        scores = {key: fmean(each) for key, each in values.items()}
        reached = bool(scores) and all(score >= self._threshold for score in scores.values())
        return EvaluationResult(
            dataset_name=self._dataset,
            example_count=len(rows),
            scores=scores,
            passed=reached and not errors,
            run_url=getattr(evaluated, "url", None),
            best_override=override,
            completed_count=len(rows) - len(errors),
            error=errors[0] if errors else None,
        )

    def compare_variants(self, prompt: Any, variants: Sequence[Any]) -> ComparisonResult:
        """Evaluate the prompt as it is and with each override, on the same dataset."""
        baseline = self.evaluate_variant(prompt)
        results = tuple(self.evaluate_variant(prompt, override=variant) for variant in variants)
        better = [each for each in results if each.passed and _mean(each) > _mean(baseline)]
        best = max(better, key=_mean, default=None)
        if best is None:
            return ComparisonResult(baseline, results, winner=None, score_delta=0.0)
        return ComparisonResult(baseline, results, winner=best.best_override, score_delta=_mean(best) - _mean(baseline))

    def _answer(self, prompt: Any, session: Any | None) -> Any:
        dispatcher = None if session is None else session.dispatcher
        own = weakincentives("runtime.session").Session(dispatcher=dispatcher)
        end = dt.datetime.now(tz=dt.UTC) + dt.timedelta(seconds=self._config.evaluation_timeout_seconds)
        deadline = weakincentives("deadlines").Deadline(end)
        with prompt.resources:
            return response_of(self._adapter.evaluate(prompt, session=own, deadline=deadline))


@dataclass(slots=True, frozen=True)
class _OneOverride:
    """A store of one override."""

    override: Any

    def resolve(self, descriptor: Any, tag: str = "latest") -> Any | None:
        """The override, of its own prompt."""
        del tag
        own = (self.override.ns, self.override.prompt_key) == (descriptor.ns, descriptor.key)
        return self.override if own else None


def _with(prompt: Any, override: Any | None) -> Any:
    """The prompt with an override instead of those of its store."""
    if override is None:
        return prompt
    prompts = weakincentives("prompt")
    other = prompts.Prompt(prompt.template, overrides_store=_OneOverride(override), overrides_tag=override.tag)
    return other.bind(*prompt.params) if prompt.params else other


def _mean(result: EvaluationResult) -> float:
    return fmean(result.scores.values()) if result.scores else 0.0


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
