"""The constants of the model: durations, sizes and prices. `eval-pipeline scaling --set NAME=VALUE` replaces any.

"Measured" means on two cores of a development machine, Python 3.11; "assumed" means published by others, or estimated.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Constants:
    """Seconds, megabytes and counts, for one attempt unless the name states otherwise."""

    # CPU. Measured: docs/benchmarks.md, the whole job, 400 cases, 26 November 2026.
    evaluating_cpu_s: float = 0.0025
    """Evaluation engine and agent, in the worker."""
    tracing_cpu_s: float = 0.0054
    """Sending traces, in the worker."""
    recording_cpu_s: float = 0.0033
    """Results, Dagster events, summary and report, in the run. A batch of events is a sixth of it (0.5 ms)."""

    # Starting. Measured: CPU seconds, which equal wall-clock seconds on an idle machine.
    start_s: float = 5.2
    """`eval-pipeline run` with Dagster until the summary, without cases."""
    worker_start_s: float = 1.9
    """A worker process: imports, before its first task."""
    task_s: float = 0.4
    """A task in a warm worker, besides its cases: reading its record and cases, sending its last traces."""
    lambda_cold_s: float = 2.5
    """Assumed: `worker_start_s`, and 0.6 for the runtime, on a whole core, which AWS provides from 1,769 MB."""
    container_start_s: float = 60.0
    """Assumed: a task of Fargate, image pulled; half a minute or more by deploy/README.md."""
    execution_start_s: float = 2.0
    """Assumed: a state machine until its map starts."""
    backfill_s: float = 24.0
    """Measured: from requesting a backfill to its first run (bench.fleet; Dagster polls every 30 s)."""
    run_s: float = 2.9
    """Measured: a run on Celery besides its cases, including launch and queue: 38.6 runs a minute on two worker slots,
    of ten cases at 0.05 s, four at a time, which take 0.15 s."""

    summary_s: float = 0.0006
    """Measured: summary and report, for one attempt; 1,000 and 4,000 cases on a busy machine."""

    # Memory and size.
    run_mb: float = 410.0
    """Measured: docs/benchmarks.md, 413 MB with 400 cases."""
    case_mb: float = 0.0024
    """Measured: 24 MB beyond 1,000 cases for 10,000."""
    stored_bytes: float = 3_000.0
    """Assumed: a result, compressed; it grows with transcripts."""
    event_bytes: float = 2_600.0
    """Measured: the event of a partition in Postgres, with its indexes."""
    partitions_page_s: float = 4.1e-5
    """Measured: Dagster's page of the partitions of an asset, for each partition (4.1 s for 100,000)."""

    # Requests to S3. Measured: counted at moto's server; at most one segment an attempt, if attempts end apart.
    task_gets: float = 8.0
    task_lists: float = 3.0
    task_puts: float = 4.0
    attempt_puts: float = 1.0
    attempt_gets: float = 1.0
    """By the run that collects results from workers."""
    run_puts: float = 10.0
    run_gets: float = 30.0
    run_lists: float = 20.0

    # Prices in dollars. Assumed: AWS, us-east-1, x86, on demand, no free tier, as docs/scaling.md says.
    lambda_gb_s: float = 0.0000166667
    lambda_call: float = 0.0000002
    fargate_vcpu_hour: float = 0.04048
    fargate_gb_hour: float = 0.004445
    transition: float = 0.000025
    """A transition of a standard state machine."""
    transitions_per_task: float = 3.0
    """Assumed: the child execution of an item of the map, its one state, and its start in the parent."""
    s3_write: float = 0.000005
    """A PUT or a LIST."""
    s3_read: float = 0.0000004
    s3_gb_month: float = 0.023
    machine_hour: float = 0.096
    """Assumed: a machine with two cores and 8 GB (m5.large), for everything that is not serverless."""
    trace: float = 0.0
    """The price of a LangSmith trace beyond those of the plan; set it to that of your contract."""

    # LangSmith's hourly limits. Assumed: those published for the plan Plus (documentation, usage and billing).
    langsmith_events_per_hour: float = 500_000.0
    langsmith_gb_per_hour: float = 5.0
    unified_runs: float = 25_000.0
    """The most runs of one trace."""

    # Limits of AWS Lambda.
    lambda_limit_s: float = 900.0
    lambda_parallel: float = 1_000.0
    """Assumed: the concurrency quota of an account, unless it was raised."""
