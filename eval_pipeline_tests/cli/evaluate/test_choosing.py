"""The cases that `run --failed`, `--changed` and `--sample` choose."""

from collections import Counter
from pathlib import Path

import pytest

from eval_pipeline.cli.evaluate.choosing import chosen_cases, sampled
from eval_pipeline.errors import InputError
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.analysis.stored import keep_experiment, results_of
from eval_pipeline_tests.building import a_case

CASES = [a_case(name) for name in "abcde"]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path)
    keep_experiment(store, "sample-old", results_of({"a": "f", "b": "p"}), day=1, dataset_version="d0")
    keep_experiment(store, "sample-new", results_of({"a": "p", "b": "pf", "c": "e", "d": "p"}), day=2)
    return store


def chosen(store: LocalStore, *, failed: str | None = None, changed: bool = False) -> list[str]:
    return [case.id for case in chosen_cases(CASES, store=store, suite="sample", failed=failed, changed=changed)]


def test_failed_chooses_cases_of_which_an_attempt_did_not_pass(store: LocalStore) -> None:
    assert chosen(store, failed="latest") == ["b", "c"]
    assert chosen(store, failed="sample-old") == ["a"]
    with pytest.raises(InputError, match="there is no experiment 'sample-x'"):
        chosen(store, failed="sample-x")


def test_failed_chooses_nothing_where_all_passed(store: LocalStore) -> None:
    keep_experiment(store, "sample-good", results_of({"a": "p"}), day=3)
    with pytest.raises(InputError, match="no case of sample failed in sample-good"):
        chosen(store, failed="latest")


def test_changed_chooses_what_is_new_or_edited(store: LocalStore) -> None:
    assert chosen(store, changed=True) == ["e"]
    edited = [a_case("a", input="other"), *CASES[1:4]]
    (only,) = chosen_cases(edited, store=store, suite="sample", failed=None, changed=True)
    assert only.id == "a"
    with pytest.raises(InputError, match="every case is as it was"):
        chosen_cases(CASES[:4], store=store, suite="sample", failed=None, changed=True)


def test_a_sample_has_of_each_split_its_share_and_is_drawn_again_by_its_seed() -> None:
    sizes = {"easy": 60, "hard": 30, "rare": 10}
    cases = [a_case(f"{split}{number}", split=split) for split, size in sizes.items() for number in range(size)]
    drawn = sampled(cases, 20, 7)
    assert Counter(case.split for case in drawn) == {"easy": 12, "hard": 6, "rare": 2}
    assert drawn == sampled(list(cases), 20, 7)
    assert drawn != sampled(cases, 20, 8)
    assert [case for case in cases if case in drawn] == drawn
    assert Counter(case.split for case in sampled(cases, 3, None)) == {"easy": 1, "hard": 1, "rare": 1}
    assert len(sampled(cases, 2, 1)) == 2
    assert sampled(cases, 1_000, 1) == cases


def test_every_size_of_a_sample_is_drawn_exactly() -> None:
    cases = [a_case(f"{split}{n}", split=split) for split, size in (("a", 1), ("b", 2), ("c", 40)) for n in range(size)]
    assert [len(sampled(cases, number, 0)) for number in range(1, 44)] == list(range(1, 44))


def test_a_sample_changes_little_when_cases_are_added() -> None:
    cases = [a_case(f"c{number}") for number in range(100)]
    before = {case.id for case in sampled(cases, 20, 1)}
    after = {case.id for case in sampled([*cases, *(a_case(f"d{number}") for number in range(5))], 20, 1)}
    assert len(before - after) <= 5


def test_a_seed_requires_a_sample() -> None:
    with pytest.raises(InputError, match="--seed requires --sample"):
        sampled(CASES, None, 1)
