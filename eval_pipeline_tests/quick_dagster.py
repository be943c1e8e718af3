"""Dagster's daemon and code server for tests, without the waits that nothing configures.

The daemon looks at backfills every second instead of every 30, and the code server forks the process of a run from
one that has imported Dagster and the package, instead of starting Python for it.
"""

import itertools
import os
import sys
from collections.abc import Sequence
from unittest import mock

QUICK_DAEMON = (sys.executable, "-P", __file__)
"""The command of the daemon; without `-P` the modules beside this file would stand before libraries of their names."""
WARM_DAEMON = (f"{__name__}:daemon",)
"""The same, for a warm process."""


def daemon() -> None:
    """`dagster-daemon`."""
    from dagster._daemon import controller  # noqa: PLC0415 - tests that only want the command need not wait for it
    from dagster._daemon.auto_run_reexecution import event_log_consumer  # noqa: PLC0415

    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 1
    # A warm process has imported it before it had the variable for it.
    event_log_consumer._INTERVAL_SECONDS = int(
        os.environ.get("DAGSTER_EVENT_LOG_CONSUMER_DAEMON_INTERVAL_SECONDS", "5")
    )

    from dagster._daemon.cli import main  # noqa: PLC0415 - it takes the interval when it is imported

    main()


def code_server() -> None:
    """`dagster`, whose `api grpc` is a code server."""
    import multiprocessing  # noqa: PLC0415 - as above
    import multiprocessing.forkserver  # noqa: PLC0415
    import multiprocessing.resource_tracker  # noqa: PLC0415

    from dagster._cli import main  # noqa: PLC0415

    import eval_pipeline.defs.build  # noqa: F401, PLC0415 - once for all runs

    # The server of processes is forked, too, before this process has threads: it need not import all that again.
    multiprocessing.resource_tracker.ensure_running()
    with mock.patch("multiprocessing.util.spawnv_passfds", _forked):
        multiprocessing.forkserver.ensure_running()
    forking = multiprocessing.get_context("forkserver")
    multiprocessing.get_context = lambda _=None: forking  # type: ignore[assignment]
    main()  # type: ignore[no-untyped-call]


def _forked(_path: str, command: Sequence[str], descriptors: Sequence[int]) -> int:
    """Run `python -c CODE` in a fork that has these open files alone; returns its process id."""
    if process := os.fork():
        return process
    kept = sorted({0, 1, 2, *descriptors})
    for before, after in itertools.pairwise([*kept, os.sysconf("SC_OPEN_MAX")]):
        os.closerange(before + 1, after)
    try:
        exec(command[-1], {"__name__": "__main__"})
    finally:
        os._exit(0)


if __name__ == "__main__":
    daemon()
