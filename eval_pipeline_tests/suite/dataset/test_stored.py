"""What fingerprints need of stored cases: the same as the cases themselves, though most are not parsed."""

from pathlib import Path

import yaml

from eval_pipeline.store.local import LocalStore
from eval_pipeline.suite.dataset.load import load_dataset
from eval_pipeline.suite.dataset.stored import PlainCase, fingerprinted_cases, store_dataset
from eval_pipeline.suite.suite import read_suite

CASES = [
    {"id": "plain", "input": 'it says "assertions": and "simulation": itself', "runtime": {"model": "m"}},
    {"id": "asserted", "turns": [{"user": "x", "assertions": [{"type": "contains", "value": "y"}]}]},
    {"id": "simulated", "simulation": {"goal": "a refund"}},
]


def test_assertions_and_simulations_are_there_and_all_else_is_in_the_hash(tmp_path: Path) -> None:
    document = {"name": "s", "cases": "cases.yaml", "target": {"kind": "python", "path": "agent.py:answer"}}
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(document))
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump(CASES))
    suite, store = read_suite(tmp_path), LocalStore(tmp_path / "store")
    dataset = load_dataset(suite)
    store_dataset(store, "s", dataset)

    fingerprinted = {case.id: case for case in fingerprinted_cases(store, suite, dataset.version)}

    assert fingerprinted.keys() == {"plain", "asserted", "simulated"}
    for case in dataset.cases:
        one = fingerprinted[case.id]
        assert (one.content_hash(), list(one.every_assertion), one.simulation) == (
            case.content_hash(),
            case.every_assertion,
            case.simulation,
        )
    assert isinstance(fingerprinted["plain"], PlainCase)
