"""`dagster-daemon`, which looks at backfills every second: it does so every 30 s, and nothing configures that."""

import sys

QUICK_DAEMON = (sys.executable, "-P", __file__)
"""The command; without `-P` the modules beside this file would stand before the libraries of their names."""


def _main() -> None:
    from dagster._daemon import controller  # noqa: PLC0415 - tests that only want the command need not wait for it

    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 1

    from dagster._daemon.cli import main  # noqa: PLC0415 - it takes the interval when it is imported

    main()


if __name__ == "__main__":
    _main()
