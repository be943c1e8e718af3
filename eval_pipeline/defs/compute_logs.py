"""What steps print, which Dagster keeps in compute logs: redacted where Python prints it, and for their owner only."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from eval_pipeline.redaction.output import redacted_output


@contextlib.contextmanager
def private_compute_logs(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Redact what a step prints. Files of compute logs in the Dagster home become readable by their owner only."""
    folder = Path(context.instance.root_directory) / "storage" / context.run.run_id / "compute_logs"
    with contextlib.suppress(OSError):
        folder.chmod(0o700)
        for file in folder.iterdir():
            file.chmod(0o600)
    with redacted_output():
        yield
