"""The list that a worker's image is made of is everything that the package requires, but Dagster."""

from dependencies.worker import REQUIREMENTS, worker_requirements


def test_the_list_is_that_of_the_package() -> None:
    assert REQUIREMENTS.read_text() == worker_requirements(), "run `python -m dependencies.worker`"


def test_it_has_what_evaluates_and_no_dagster() -> None:
    names = {line.partition("==")[0] for line in worker_requirements().splitlines() if not line.startswith("#")}

    assert {"langgraph", "langsmith", "pyarrow", "pandas", "boto3"} <= names
    assert [name for name in names if name.startswith("dagster")] == []
