"""A judge's gate blocks where the judge is known to agree with people, and only warns elsewhere."""

from typing import Any

import pytest

from eval_pipeline.analysis.agreement.agreement import COLUMNS, agreements_by_version
from eval_pipeline.analysis.agreement.human_labels import HumanLabel
from eval_pipeline.analysis.agreement.trust import keep_agreements, read_agreement
from eval_pipeline.analysis.gates.gate_result import GateResult
from eval_pipeline.analysis.verdict import ExperimentVerdict, verdict_of
from eval_pipeline.results.case_result import CaseResult, Vote
from eval_pipeline.results.result_log import read_results
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.analysis.rows import a_result, an_assertion
from eval_pipeline_tests.analysis.stored import a_spec, keep_experiment

PASSED = (True, False, True, False, True, False)


@pytest.fixture
def store(tmp_path: Any) -> LocalStore:
    return LocalStore(tmp_path)


def judged(version: str | None = "v1", *, weight: float = 1.0) -> list[CaseResult]:
    vote = Vote(model="m", passed=True, score=1.0, label=None, reasoning="", error=None)
    return [
        a_result(
            f"c{number}",
            status="passed" if passed else "failed",
            score=float(passed),
            assertions=(an_assertion("tone", passed=passed, votes=(vote,), version=version, weight=weight),),
        )
        for number, passed in enumerate(PASSED)
    ]


def verdict(store: LocalStore, results: list[CaseResult], name: str = "e", **gates: Any) -> ExperimentVerdict:
    record = keep_experiment(store, name, results, day=1 + len(list(store.list("experiments/"))) % 20)
    return verdict_of(store, a_spec(gates={"min_agreement": 0.6, **gates}), record)


def the_gate(store: LocalStore, results: list[CaseResult], name: str = "e", **gates: Any) -> GateResult:
    (gate,) = verdict(store, results, name, **gates).gates
    return gate


def label(store: LocalStore, experiment: str, labels: tuple[bool, ...]) -> None:
    humans = [HumanLabel(case_id=f"c{n}", assertion="tone", label=value) for n, value in enumerate(labels)]
    results = read_results(store, "sample", experiment, columns=COLUMNS)
    keep_agreements(store, "sample", experiment, agreements_by_version(results, humans))


TONE: dict[str, Any] = {"min_score": {"metric": "tone", "threshold": 0.9}}


@pytest.mark.parametrize("gates", [TONE, {"min_pass_rate": 0.9}, {"min_score": 0.9}])
def test_a_gate_by_a_judge_of_unknown_agreement_only_warns_and_says_why(store: LocalStore, gates: Any) -> None:
    gate = the_gate(store, judged(), **gates)
    assert (gate.passed, gate.action, gate.blocks) == (False, "warn", False)
    assert "tone: agreement with people unknown" in gate.message


def test_a_judge_that_agrees_with_people_blocks_in_every_experiment_of_its_version(store: LocalStore) -> None:
    the_gate(store, judged(), **TONE)
    label(store, "e", PASSED)
    assert the_gate(store, judged(), "later", **TONE).blocks is True
    measured = read_agreement(store, "sample", "v1")
    assert measured is not None
    assert (measured.metric, measured.measure, measured.value, measured.labels) == ("tone", "kappa", 1.0, 6)
    # Another judge, rubric or evidence is another version.
    assert the_gate(store, judged("v2"), "edited", **TONE).blocks is False


def test_a_judge_that_disagrees_with_people_only_warns(store: LocalStore) -> None:
    the_gate(store, judged(), **TONE)
    label(store, "e", tuple(not passed for passed in PASSED))
    gate = the_gate(store, judged(), "later", **TONE)
    assert (gate.blocks, "kappa -1.00" in gate.message) == (False, True)


def test_gates_that_no_untrusted_judge_decides_block(store: LocalStore) -> None:
    assert the_gate(store, judged(weight=0.0), min_pass_rate=0.9).blocks is True
    error = a_result("z", status="error", score=None)
    assert the_gate(store, [*judged(), error], "b", max_error_rate=0).blocks is True


def test_without_the_gate_every_judge_blocks(store: LocalStore) -> None:
    record = keep_experiment(store, "e", judged())
    (gate,) = verdict_of(store, a_spec(gates=TONE), record).gates
    assert gate.blocks is True


def test_the_summary_says_what_is_known_of_each_judge(store: LocalStore) -> None:
    assert "unknown" in verdict(store, judged()).summary.judges["tone"]
    label(store, "e", PASSED)
    assert verdict(store, judged(), "b").summary.judges["tone"].startswith("kappa 1.00")
