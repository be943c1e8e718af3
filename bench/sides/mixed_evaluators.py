"""The evaluators of `bench.differential`, which are copied into its suites."""

from typing import Any


def judged(outputs: Any, reference_outputs: Any) -> dict[str, Any]:
    """An evaluator of LangSmith's form."""
    return {"key": "judged", "score": len(str(outputs)) % 7 / 7, "comment": str(reference_outputs)}


def of_run(run: Any, example: Any) -> dict[str, Any]:
    """An evaluator that looks at the run's tree."""
    children = [(child.name, child.run_type) for child in run.child_runs or ()]
    return {"key": "of_run", "score": len(children), "comment": f"{children} {example.id}"}
