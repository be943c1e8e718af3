"""Dagster's daemon and code server for tests, without the waits that nothing configures.

The daemon looks at backfills every second instead of every 30, and the code server forks the process of a run from
one that has imported Dagster and the package, instead of starting Python for it.
"""

import sys

QUICK_DAEMON = (sys.executable, "-P", __file__)
"""The command of the daemon; without `-P` the modules beside this file would stand before libraries of their names."""
WARM_DAEMON = (f"{__name__}:daemon",)
"""The same, for a warm process."""


def daemon() -> None:
    """`dagster-daemon`."""
    from dagster._daemon import controller  # noqa: PLC0415 - tests that only want the command need not wait for it

    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 1

    from dagster._daemon.cli import main  # noqa: PLC0415 - it takes the interval when it is imported

    main()


def code_server() -> None:
    """`dagster`, whose `api grpc` is a code server."""
    import multiprocessing  # noqa: PLC0415 - as above

    from dagster._cli import main  # noqa: PLC0415

    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(["dagster", "eval_pipeline.defs.build"])
    multiprocessing.get_context = lambda _=None: forking  # type: ignore[assignment]
    main()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    daemon()
