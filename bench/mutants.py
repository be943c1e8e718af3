"""Mutate ten central functions, one at a time, and report whether their tests notice: `make mutants`.

Each mutation is made in a copy of the repository, where only the tests named with it run. They run in the form of
`make test-fast` first; those tests are a part of `make test`, so what they notice both forms notice.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.measuring import REPOSITORY

_FAST = ("-m", "not starts and not slow")
_COPIED = (
    "bench",
    "docs",
    "eval_pipeline",
    "eval_pipeline_tests",
    "examples",
    "pyproject.toml",
    "setup.cfg",
    "README.md",
)
_ALL_PASSED, _SOME_FAILED, _NOTHING_RUN = 0, 1, 5


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """A change of one line that makes a function wrong."""

    name: str
    file: str
    """Below `eval_pipeline`."""
    line: str
    """The text that is replaced; it occurs once in the file."""
    wrong: str
    tests: tuple[str, ...]
    """Files and folders below `eval_pipeline_tests`."""


MUTATIONS = (
    Mutation(
        name="the verdict of a case",
        file="evaluation/outcome.py",
        line='return "passed" if all(verdicts) else "failed"',
        wrong='return "passed" if any(verdicts) else "failed"',
        tests=("assertions/test_scoring.py", "evaluation/test_attempt.py"),
    ),
    Mutation(
        name="what counts",
        file="analysis/case_values.py",
        line='_WITHOUT_VERDICT = frozenset({"unscored", "skipped"})',
        wrong='_WITHOUT_VERDICT = frozenset({"skipped"})',
        tests=("analysis/test_what_counts.py", "analysis/test_summary.py"),
    ),
    Mutation(
        name="the fingerprint of a result",
        file="evaluation/fingerprints.py",
        line="            self.target_version,\n            self.variant,\n            self._suite_assertions,",
        wrong="            self.variant,\n            self._suite_assertions,",
        tests=("evaluation", "pipeline/test_reuse.py"),
    ),
    Mutation(
        name="reuse of results",
        file="results/log_view.py",
        line="            if status in statuses\n            and key in fingerprints\n",
        wrong="            if key in fingerprints\n",
        tests=("results", "pipeline/test_reuse.py"),
    ),
    Mutation(
        name="gates of several slices",
        file="analysis/gates/check_gates.py",
        line="        passed=not failing,\n        observed=observed,",
        wrong="        passed=len(failing) < max(1, len(results)),\n        observed=observed,",
        tests=("analysis/gates",),
    ),
    Mutation(
        name="the adjustment of Holm",
        file="analysis/statistics/paired.py",
        line="np.maximum.accumulate(shares[order] * left)",
        wrong="np.maximum.accumulate(shares[order] * left[0])",
        tests=("analysis/statistics/test_paired.py",),
    ),
    Mutation(
        name="redaction of neighbours",
        file="redaction/redactor.py",
        line="for _ in range(_MOST_ROUNDS):",
        wrong="for _ in range(1):",
        tests=("redaction/test_redactor.py", "redaction/test_encodings.py"),
    ),
    Mutation(
        name="replay of the spool",
        file="tracing/send/flush.py",
        line="        elif (item.kind, item.id) in postponed:\n            kept.append(item)\n",
        wrong="",
        tests=("tracing/send/test_flush_folder.py", "tracing/send/test_spool.py"),
    ),
    Mutation(
        name="the claim on cases",
        file="pipeline/claims.py",
        line="if claim.is_on(own.cases or ())}",
        wrong="if not claim.is_on(own.cases or ())}",
        tests=("pipeline/test_claims.py",),
    ),
    Mutation(
        name="the reader of messages",
        file="messages/reading.py",
        line="if items and all(map(_may_be_message, items))",
        wrong="if items and any(map(_may_be_message, items))",
        tests=("messages", "content"),
    ),
)


def main() -> None:
    """Report each mutation, and fail if one is not noticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="the mutations with this in their name")
    only = parser.parse_args().only
    missed = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as temporary:
        copy = Path(temporary)
        _copy_repository(copy)
        for mutation in (each for each in MUTATIONS if only in each.name):
            verdict = noticed(copy, mutation)
            print(f"{mutation.name}: {verdict or 'NOT NOTICED'} ({mutation.file})", flush=True)
            missed += [] if verdict else [mutation.name]
    if missed:
        sys.exit(f"no test notices: {', '.join(missed)}")


def noticed(copy: Path, mutation: Mutation) -> str:
    """Which forms of the tests notice a mutation; "" if none does.

    Raises:
        SystemExit: tests fail without it, or the mutated text does not occur once.
    """
    file = copy / "eval_pipeline" / mutation.file
    right = file.read_text(encoding="utf-8")
    if right.count(mutation.line) != 1:
        sys.exit(f"{mutation.name}: {mutation.file} has the line {right.count(mutation.line)} times")
    if _tests(copy, mutation, _FAST) != _ALL_PASSED:
        sys.exit(f"{mutation.name}: its tests fail without it")
    file.write_text(right.replace(mutation.line, mutation.wrong), encoding="utf-8")
    try:
        if _tests(copy, mutation, _FAST) == _SOME_FAILED:
            return "noticed by make test-fast and make test"
        return "noticed by make test alone" if _tests(copy, mutation, ()) == _SOME_FAILED else ""
    finally:
        file.write_text(right, encoding="utf-8")


def _copy_repository(copy: Path) -> None:
    for name in _COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)


def _tests(copy: Path, mutation: Mutation, form: tuple[str, ...]) -> int:
    """The exit code of pytest; in the copy the package of the copy is imported, not the installed one."""
    options = ("-q", "-x", "-p", "no:cacheprovider", "--no-header", *form)
    tests = [f"eval_pipeline_tests/{name}" for name in mutation.tests]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests], cwd=copy, check=False, capture_output=True, text=True
    )
    if done.returncode not in (_ALL_PASSED, _SOME_FAILED, _NOTHING_RUN):
        sys.exit(f"{mutation.name}: pytest ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode


if __name__ == "__main__":
    main()
