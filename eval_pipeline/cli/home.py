"""The Dagster instance the terminal uses: `DAGSTER_HOME`, or `.dagster_home` in the working folder.

Belongs here: that choice, and the first `dagster.yaml`. Does not belong here: deployments (`deploy/`).
"""

import os
from pathlib import Path

import dagster as dg

DEFAULT_HOME = ".dagster_home"

_DAGSTER_YAML = """\
# Written once by eval-pipeline; edit as you like.
telemetry: {enabled: false}
nux: {enabled: false}
"""


def open_instance() -> dg.DagsterInstance:
    """The instance, made if it is not there."""
    home = Path(os.environ.get("DAGSTER_HOME") or DEFAULT_HOME).resolve()
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        config.write_text(_DAGSTER_YAML, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(home)
    return dg.DagsterInstance.get()
