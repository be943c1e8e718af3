"""Whether the cases of a suite are on a server, decided without Dagster, whose import takes a second."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from eval_pipeline.errors import InputError
from eval_pipeline.suite.spec.case_source import LangSmithDataset, LangSmithRuns
from eval_pipeline.suite.suite import read_suite


@contextlib.contextmanager
def recorder_of_cases(*folders: Path) -> Iterator[None]:
    """Where cases of a suite in `folders` are on a server, the home's recorder runs meanwhile if it is that server."""
    with contextlib.ExitStack() as stack:
        if any(map(_reads_a_server, folders)):
            from eval_pipeline.cli.servers.recorder import settings_at_hand  # noqa: PLC0415 - imports Dagster

            stack.enter_context(settings_at_hand())
        yield


def _reads_a_server(folder: Path) -> bool:
    try:
        sources = read_suite(folder).spec.cases
    except InputError:  # which the command reports
        return False
    return any(isinstance(source, LangSmithDataset | LangSmithRuns) for source in sources)
