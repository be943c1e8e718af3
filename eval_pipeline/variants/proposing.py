"""Propose prompts: a chat model writes them, training cases select one of them, and held-out cases check it once.

The model sees the prompt, training cases that did not pass with the reasons, and what was proposed before. Nothing is
promoted here.
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from pydantic import BaseModel

from eval_pipeline.analysis.case_values import why_not_passed
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.models.opening import chat_model
from eval_pipeline.models.prices import price_table
from eval_pipeline.models.structured import FormReader
from eval_pipeline.models.usage import UsageHandler, counting_attempt
from eval_pipeline.pipeline.prepare import prepare
from eval_pipeline.pipeline.progress import Progress
from eval_pipeline.prompts.opening import prompts_of
from eval_pipeline.results.experiment_record import latest_experiment
from eval_pipeline.results.result_log import read_results
from eval_pipeline.settings import LangSmithSettings, PipelineSettings
from eval_pipeline.store.store import Store
from eval_pipeline.store.timestamps import timestamp
from eval_pipeline.suite.spec.variant import CURRENT, VariantSpec
from eval_pipeline.suite.suite import Suite
from eval_pipeline.variants.evaluation_result import compare_variants
from eval_pipeline.variants.variant_comparison import VariantComparison

FOLDER = "proposed_prompts"
"""In the suite: a text file for each proposal, which `variants:` can name."""
_MOST_SHOWN = 12
_LONGEST_SHOWN = 1_500
_INSTRUCTIONS = """You improve the system prompt of an assistant. You are given the prompt, test cases that it failed \
with the reasons, and earlier proposals with their results. Propose {number} different prompts that address the causes \
of the failures in general. Do not copy answers of single cases into a prompt. Keep every placeholder such as \
{{{{name}}}}. Give a reason for each."""


class ProposedPrompt(BaseModel):
    """One prompt in the answer of the model."""

    prompt: str
    reason: str


class ProposedPrompts(BaseModel):
    """The answer of the model."""

    proposals: list[ProposedPrompt]


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """One proposed prompt, and what became of it."""

    name: str
    file: str | None
    """In the suite; None for one that was not evaluated."""
    reason: str
    """The model's."""
    refused: str | None = None
    """Why it was not evaluated."""
    training_delta: float | None = None
    """The score on the training cases minus that of the current prompt."""


@dataclass(frozen=True, kw_only=True)
class ProposalReport:
    """The outcome of one round of proposals."""

    name: str
    suite: str
    made_at: str
    training_cases: int
    held_out_cases: int
    proposals: tuple[Proposal, ...]
    chosen: str | None
    """The best on the training cases, if any is better than the current prompt."""
    held_out_verdict: str | None
    """The comparison of the chosen one with the current prompt on the held-out cases, in a sentence."""
    significant: bool
    """Whether the chosen one is significantly better there."""
    cost_usd: float | None
    stopped: str | None = None
    """Why it ended before the held-out cases."""

    def to_json(self) -> dict[str, Any]:
        """The report as plain data."""
        return {**vars(self), "proposals": [vars(each) for each in self.proposals]}


def propose(
    suite: Suite,
    store: Store,
    *,
    proposer: str,
    number: int,
    held_out: float,
    max_cost_usd: float | None,
    settings: LangSmithSettings,
    progress: Progress,
) -> ProposalReport:
    """Propose prompts for a suite, and evaluate them.

    Args:
        suite: its target has a prompt, and it was evaluated before.
        store: where experiments are kept.
        proposer: the chat model that proposes.
        number: of proposals.
        held_out: the share of cases that only check the best proposal.
        max_cost_usd: when so much is spent, nothing further is evaluated.
        settings: where traces go.
        progress: is called as comparisons proceed.

    Raises:
        InputError: the suite has no prompt, no experiment, no failing training case, or too few cases.
        InfrastructureError: something around the cases failed.
    """
    text, variables = _current_prompt(suite, settings)
    dataset, _ = prepare(suite, store, settings, run_id=uuid.uuid4().hex)
    ids = [case.id for case in dataset.cases]
    checking = {case_id for case_id in ids if _share(case_id) < held_out}
    training = [case_id for case_id in ids if case_id not in checking]
    if not checking or not training:
        message = f"{len(ids)} cases cannot be split into training and held-out cases"
        raise InputError(Problem(message=message, fix="add cases, or change --held-out", field="cases"))
    failures = _failures(suite, store, set(training))
    handler = UsageHandler(price_table(PipelineSettings.from_environment().prices))
    with counting_attempt(handler):
        reader = FormReader(chat_model(proposer, folder=suite.folder), ProposedPrompts, name=proposer)
        asked = _question(text, failures, _earlier(store, suite.name), number)
        texts = reader.ask_sync(asked, run_name="propose_prompts").proposals[:number]
    proposals = [_kept(suite, text, variables, each, index) for index, each in enumerate(texts, start=1)]
    name, spent = uuid.uuid4().hex[:12], handler.total.cost_usd
    usable = [each for each in proposals if each.file is not None]
    report = ProposalReport(
        name=name,
        suite=suite.name,
        made_at=timestamp(),
        training_cases=len(training),
        held_out_cases=len(checking),
        proposals=tuple(proposals),
        chosen=None,
        held_out_verdict=None,
        significant=False,
        cost_usd=spent,
        stopped=None if usable else "no proposal can be used",
    )
    if usable:
        trained = compare_variants(
            _with_variants(suite, usable), store=store, cases=training, settings=settings, progress=progress
        )
        deltas = {each.name: each.delta for each in trained.standings}
        proposals = [replace(each, training_delta=deltas.get(each.name)) for each in proposals]
        spent = _sum(spent, trained)
        better = [each for each in trained.standings if each.name != CURRENT and (each.delta or 0.0) > 0]
        chosen = max(better, key=lambda each: each.delta or 0.0, default=None)
        over = max_cost_usd is not None and (spent is None or spent >= max_cost_usd)
        stopped = "no proposal is better on the training cases" if chosen is None else None
        stopped = "the budget is spent, or its cost is unknown" if over and chosen is not None else stopped
        report = replace(
            report,
            proposals=tuple(proposals),
            chosen=None if chosen is None else chosen.name,
            cost_usd=spent,
            stopped=stopped,
        )
        if chosen is not None and stopped is None:
            best = [each for each in usable if each.name == chosen.name]
            checked = compare_variants(
                _with_variants(suite, best), store=store, cases=sorted(checking), settings=settings, progress=progress
            )
            significant = checked.winner is not None
            report = replace(
                report, held_out_verdict=checked.verdict, significant=significant, cost_usd=_sum(spent, checked)
            )
    store.put(_key(suite.name, report.made_at, name), orjson.dumps(report.to_json(), option=orjson.OPT_INDENT_2))
    return report


def _current_prompt(suite: Suite, settings: LangSmithSettings) -> tuple[str, frozenset[str]]:
    resolved = prompts_of(suite, settings).target
    parts = [] if resolved is None else resolved.prompt.parts()
    if resolved is None or len(parts) != 1:
        fix = "give the target a `prompt` of one message (`file:…` or `hub:…`)"
        raise InputError(Problem(message=f"{suite.name} has no prompt of one message", fix=fix, field="target.prompt"))
    return parts[0][1], resolved.prompt.variables


def _failures(suite: Suite, store: Store, training: set[str]) -> list[Mapping[str, Any]]:
    """The training cases that did not pass in the latest experiment."""
    record = latest_experiment(store, suite.name)
    if record is None:
        fix = f"eval-pipeline run {suite.name}"
        raise InputError(Problem(message=f"{suite.name} was not evaluated yet", fix=fix, field="experiment"))
    columns = ["status", "assertions", "turns", "error"]
    rows = read_results(store, suite.name, record.experiment, columns=columns).to_pylist()
    failed = [row for row in rows if row["case_id"] in training and row["status"] in ("failed", "error", "limit")]
    if not failed:
        message = f"no training case failed in {record.experiment}"
        raise InputError(Problem(message=message, fix="there is nothing to improve", field="experiment"))
    return failed[:_MOST_SHOWN]


def _question(
    text: str, failures: Sequence[Mapping[str, Any]], earlier: Sequence[Mapping[str, Any]], number: int
) -> list[tuple[str, str]]:
    shown = [f"Prompt:\n{text}", "Failed cases:"]
    for row in failures:
        conversation = "\n".join(f"user: {turn['input']}\nassistant: {turn['response']}" for turn in row["turns"] or ())
        shown.append(f"{conversation[:_LONGEST_SHOWN]}\nwhy it failed: {why_not_passed(dict(row))[:_LONGEST_SHOWN]}")
    for report in earlier:
        for each in report["proposals"]:
            delta = each["training_delta"]
            outcome = each["refused"] or ("not evaluated" if delta is None else f"{100 * delta:+.1f} points")
            shown.append(f"Earlier proposal ({outcome}): {each['reason']}")
    return [("system", _INSTRUCTIONS.format(number=number)), ("human", "\n\n".join(shown))]


def _kept(suite: Suite, current: str, variables: frozenset[str], proposed: ProposedPrompt, index: int) -> Proposal:
    """The proposal with its file, or with the reason that it cannot be used."""
    text, name = proposed.prompt.strip(), f"proposal-{index}"
    lost = sorted(each for each in variables if f"{{{{{each}}}}}" not in text)
    refused = "it is empty" if not text else "it is the current prompt" if text == current.strip() else None
    refused = f"it lost the variables {', '.join(lost)}" if lost and refused is None else refused
    if refused is not None:
        return Proposal(name=name, file=None, reason=proposed.reason, refused=refused)
    file = f"{FOLDER}/{hashlib.sha256(text.encode()).hexdigest()[:12]}.txt"
    (suite.folder / FOLDER).mkdir(exist_ok=True)
    (suite.folder / file).write_text(text, encoding="utf-8")
    return Proposal(name=name, file=file, reason=proposed.reason)


def _with_variants(suite: Suite, proposals: Sequence[Proposal]) -> Suite:
    variants = tuple(VariantSpec(name=each.name, prompt=f"file:{each.file}") for each in proposals)
    return replace(suite, spec=suite.spec.model_copy(update={"variants": variants}))


def _sum(spent: float | None, comparison: VariantComparison) -> float | None:
    costs = [each.cost_usd for each in comparison.standings]
    known = [cost for cost in costs if cost is not None]
    return None if spent is None or len(known) < len(costs) else spent + sum(known)


def _earlier(store: Store, suite: str) -> list[Mapping[str, Any]]:
    keys = sorted(store.list(_prefix(suite)))[-5:]
    return [orjson.loads(data) for key in keys if (data := store.get(key)) is not None]


def _share(case_id: str) -> float:
    """A number from 0 to 1 of a case, the same always."""
    return int.from_bytes(hashlib.sha256(case_id.encode()).digest()[:6], "big") / 2**48


def _prefix(suite: str) -> str:
    return f"proposals/{suite}/"


def _key(suite: str, made_at: str, name: str) -> str:
    return f"{_prefix(suite)}{made_at.replace(':', '')}_{name}.json"
