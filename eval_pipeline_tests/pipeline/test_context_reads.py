"""A change of the shared context makes again the attempts that read what changed, and no others."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from eval_pipeline.context.reads import ContextReads, HeldReads
from eval_pipeline.context.shared_context import SharedContext, get_shared_context, use_shared_context
from eval_pipeline.pipeline.reuse import find_reusable, with_unchanged_reads
from eval_pipeline.results.result_log import AttemptKey, ResultLog
from eval_pipeline.store.local import LocalStore
from eval_pipeline_tests.analysis.stored import keep_experiment
from eval_pipeline_tests.building import a_case, a_context, an_evaluator, written_suite

AGENT = """
from eval_pipeline import get_shared_context

def answer(message):
    context = get_shared_context()
    if message.startswith("about"):
        return "; ".join(document.text for document in context.similar_documents())
    if message == "all":
        return str(context.table("prices").num_rows)
    row = context.lookup("prices", message)
    return "none" if row is None else str(row["price"])
"""
NOTES = [f'{{"id": "n{number}", "text": "the note on subject{number}"}}\n' for number in range(10)]
ASKED = [*(f"p{number % 20}" for number in range(40)), *(f"about subject{number}" for number in range(9)), "missing"]
"""Of fifty cases; two each ask for one price."""


class Evaluations:
    """Experiments of fifty cases, each on the context as it is then."""

    def __init__(self, folder: Path) -> None:
        (folder / "agent.py").write_text(AGENT)
        self.folder, self.store, self.number = folder, LocalStore(folder / "store"), 0
        self.cases = [a_case(f"c{number:02d}", input=text) for number, text in enumerate(ASKED)]
        self.write(prices={}, notes=NOTES)

    def write(self, *, prices: dict[str, int], notes: list[str]) -> None:
        """Write the sources, some prices of which are not 1."""
        rows = {**{f"p{number}": 1 for number in range(20)}, **prices}
        (self.folder / "prices.csv").write_text("product,price\n" + "".join(f"{k},{v}\n" for k, v in rows.items()))
        (self.folder / "notes.jsonl").write_text("".join(notes))

    def made(self) -> set[str]:
        """Evaluate what nothing stands for; the ids of these cases."""
        suite = written_suite(
            self.folder,
            target={"kind": "python", "path": "agent.py:answer"},
            context={
                "tables": {"prices": {"file": "prices.csv", "key": "product"}},
                "documents": {"source": {"file": "notes.jsonl"}, "retrieval": {"k": 1}},
            },
        )
        evaluator = an_evaluator(suite, context=a_context(suite, self.store, self.cases))
        self.number += 1
        evaluator = replace(evaluator, pins=replace(evaluator.pins, experiment=f"e{self.number}"))
        record = keep_experiment(self.store, f"e{self.number}", [], day=self.number, cases=self.cases)
        by_id = {case.id: case for case in self.cases}

        def alike(key: AttemptKey, without_context: str | None, reads: str | None) -> bool:
            return evaluator.fingerprints.reads_alike(by_id[key[0]], without_context, reads)

        fingerprints = {(case.id, 1): evaluator.fingerprint(case) for case in self.cases}
        reusable = find_reusable(self.store, record, fingerprints, alike)
        reused = list(reusable.results())
        left = [attempt for case in self.cases for attempt in evaluator.attempts(case, 1)]
        left = [each for each in left if (each.case.id, 1) not in reusable.attempts]

        async def evaluate() -> list[object]:
            return await asyncio.gather(*(evaluator.evaluate(attempt) for attempt in left))

        results = asyncio.run(evaluate())
        ResultLog(self.store, suite="sample", experiment=f"e{self.number}", writer="r").append([*reused, *results])  # type: ignore[list-item]
        last = {result.case_id: result.fingerprint for result in reused}
        assert with_unchanged_reads(self.store, evaluator, by_id, last) == last.keys()
        return {each.case.id for each in left}


@pytest.fixture
def evaluations(tmp_path: Path) -> Evaluations:
    return Evaluations(tmp_path)


def _price(evaluations: Evaluations) -> None:
    evaluations.write(prices={"p7": 2}, notes=NOTES)


def _missed_row(evaluations: Evaluations) -> None:
    evaluations.write(prices={"missing": 3}, notes=NOTES)


def _note(evaluations: Evaluations) -> None:
    evaluations.write(prices={}, notes=[*NOTES[:3], NOTES[3].replace("the", "another"), *NOTES[4:]])


@pytest.mark.parametrize(
    ("change", "expected"),
    [(_price, {"c07", "c27"}), (_missed_row, {"c49"}), (_note, {"c43"}), (lambda _: None, set())],
    ids=["a row", "a row that was missed", "a document", "nothing"],
)
def test_exactly_the_cases_that_read_what_changed_are_made_again(
    evaluations: Evaluations, change: Callable[[Evaluations], None], expected: set[str]
) -> None:
    assert len(evaluations.made()) == len(ASKED)
    change(evaluations)
    assert evaluations.made() == expected
    assert evaluations.made() == set()


def test_a_table_that_is_read_whole_counts_for_all_later_attempts(evaluations: Evaluations) -> None:
    evaluations.cases = [a_case("whole", input="all"), *evaluations.cases[:3]]
    assert len(evaluations.made()) == 4
    _price(evaluations)
    assert "whole" in evaluations.made()


@pytest.fixture
def context(evaluations: Evaluations) -> SharedContext:
    suite = written_suite(evaluations.folder, context={"tables": {"prices": {"file": "prices.csv", "key": "product"}}})
    return a_context(suite, evaluations.store)


def test_reads_without_an_attempt_count_for_all_attempts_in_progress(context: SharedContext) -> None:
    with use_shared_context(context, case_id="c") as reads, ThreadPoolExecutor(1) as pool:
        assert reads.as_text() == "{}"
        pool.submit(contextvars.Context().run, context.lookup, "prices", "p1").result()
        assert reads.as_text() is None
    assert not HeldReads(context).hold(reads.as_text())


def test_a_read_that_cannot_be_repeated_is_not_known(context: SharedContext) -> None:
    with use_shared_context(context, case_id="c") as reads:
        with pytest.raises(KeyError):
            get_shared_context().lookup("nothing", "p1")
        assert reads.everything


def test_keys_are_stored_as_hashes(context: SharedContext) -> None:
    with use_shared_context(context, case_id="c") as reads:
        get_shared_context().lookup("prices", "ann@example.com")
    text = reads.as_text()
    assert text is not None
    assert "ann" not in text
    assert HeldReads(context).hold(text)
    many = ContextReads()
    for number in range(3_000):
        many.add("lookup", ["prices", None, str(number)], None)
    assert many.as_text() is None
