"""What the versions of a suite's target, assertions, sources and simulated users cover, in lines to print."""

from collections.abc import Iterator, Sequence

from eval_pipeline.suite.case import Case
from eval_pipeline.suite.code.version import CoveredCode, covered_code
from eval_pipeline.suite.import_path import is_code_path
from eval_pipeline.suite.spec.context import PythonSource
from eval_pipeline.suite.suite import Suite

_MOST = 12
"""The most packages that are named."""


def coverage_lines(suite: Suite, cases: Sequence[Case]) -> Iterator[str]:
    """A line for each piece of code, followed by its files, packages and environment variables."""
    target = suite.spec.target
    if target.version is not None:
        yield f"target: version {target.version!r} is given, so no code is covered"
    else:
        for path, covered in target.covered_code(suite.folder).items():
            yield from _lines(f"target {path}", covered)
    for path, version_files in sorted(set(_other_code(suite, cases))):
        yield from _lines(path, covered_code(path, folder=suite.folder, version_files=version_files))


def _other_code(suite: Suite, cases: Sequence[Case]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every other import path of the suite and its cases, with its `version_files`."""
    spec, facts = suite.spec, suite.facts()
    for assertion in (*spec.assertions, *(each for case in cases for each in case.every_assertion)):
        own_files = getattr(assertion, "version_files", () if spec.judge is None else spec.judge.version_files)
        yield from ((path, own_files) for path in assertion.code_paths(facts))
    user = spec.simulated_user
    user_files = () if user is None else user.version_files
    simulations = [case.simulation for case in cases if case.simulation is not None]
    models = [
        user.model if user else None,
        *(each.model for each in simulations),
        *(each.script for each in simulations),
    ]
    yield from ((path, user_files) for path in models if path is not None and is_code_path(path))
    context = spec.context
    documents = [] if context.documents is None else [context.documents.source]
    for source in (*context.tables.values(), *documents):
        if isinstance(source, PythonSource):
            yield source.python, source.version_files
    retrieval = [] if context.documents is None else [context.documents.retrieval.model]
    for model in (*retrieval, *(patterns.model for patterns in context.patterns)):
        if model is not None and is_code_path(model):
            yield model, ()


def _lines(title: str, covered: CoveredCode | None) -> Iterator[str]:
    yield title
    if covered is None:
        yield "  does not exist"
        return
    yield from (f"  {file}" for file in covered.files)
    packages = [f"{name} {version}" for name, version in covered.packages.items()]
    more = [f"{len(packages) - _MOST} more"] if len(packages) > _MOST else []
    if packages:
        yield f"  installed: {', '.join([*packages[:_MOST], *more])}"
    if covered.variables:
        yield f"  environment: {', '.join(covered.variables)}"
    if covered.missing:
        yield f"  not installed: {', '.join(covered.missing)}"
    if covered.other_variables:
        yield f"  environment that is not covered: {', '.join(covered.other_variables)}"
