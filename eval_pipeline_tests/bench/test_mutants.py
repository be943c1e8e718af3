"""The mutations of `make mutants`: that they still fit the code that they change."""

import pytest

from bench.measuring import REPOSITORY
from bench.mutants import MUTATIONS, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_text_that_a_mutation_replaces_occurs_once_and_its_tests_exist(mutation: Mutation) -> None:
    text = (REPOSITORY / "eval_pipeline" / mutation.file).read_text(encoding="utf-8")
    assert text.count(mutation.line) == 1
    assert [name for name in mutation.tests if not (REPOSITORY / "eval_pipeline_tests" / name).exists()] == []
