"""What things take and cost. All may be replaced: `eval-pipeline scaling --assume name=value`.

"Measured" is on two cores of a development machine, Python 3.11; "assumed" is what somebody else publishes, or a
guess that says so.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Constants:
    """Seconds, megabytes, counts, each of one attempt unless its name says otherwise."""

    # CPU. Measured: docs/benchmarks.md, the whole job, 400 cases, 26 November 2026.
    evaluating_cpu_s: float = 0.0025
    """Engine and agent, in the worker."""
    tracing_cpu_s: float = 0.0054
    """In the worker, where traces are sent."""
    recording_cpu_s: float = 0.0033
    """Results, Dagster's events, summary and report: in the run. A batch of events is a sixth of it (0.5 ms)."""

    # Starting. Measured: CPU seconds, which are wall seconds where nothing else runs.
    start_s: float = 5.2
    """Of `eval-pipeline run`, with Dagster, until the summary, without any case."""
    worker_start_s: float = 1.9
    """Of a worker process: importing it, before its first task."""
    task_s: float = 0.4
    """Of a task in a worker that is warm, besides its cases: its record, its cases, its traces' last frame."""
    lambda_cold_s: float = 2.5
    """Assumed: `worker_start_s` and the runtime's 0.6, at a whole core; AWS gives one from 1,769 MB."""
    container_start_s: float = 60.0
    """Assumed: a task of Fargate, image pulled. deploy/README.md says half a minute or more."""
    execution_start_s: float = 2.0
    """Assumed: a state machine until its map has begun."""
    backfill_s: float = 24.0
    """Measured: from asking for a backfill to its first run (bench.fleet; Dagster looks every 30 s)."""
    run_s: float = 2.9
    """Measured: of a run on Celery besides its cases, launch and queue: 38.6 runs a minute on two places, of ten cases
    at 0.05 s, four at a time, which take 0.15 s."""

    summary_s: float = 0.0006
    """Measured: summary and report, of an attempt; 1,000 and 4,000 cases on a busy machine."""

    # Memory and size.
    run_mb: float = 410.0
    """Measured: docs/benchmarks.md, 413 MB with 400 cases."""
    case_mb: float = 0.0024
    """Measured: 24 MB beyond 1,000 cases for 10,000."""
    stored_bytes: float = 3_000.0
    """Assumed: of a result, compressed; grows with transcripts."""
    event_bytes: float = 2_600.0
    """Measured: of a partition's event in Postgres, with its indexes."""
    partitions_page_s: float = 4.1e-5
    """Measured: of Dagster's page of an asset's partitions, for each of them (4.1 s for 100,000)."""

    # Requests to S3. Measured: counted at moto's server; at most one segment an attempt, where attempts end apart.
    task_gets: float = 8.0
    task_lists: float = 3.0
    task_puts: float = 4.0
    attempt_puts: float = 1.0
    attempt_gets: float = 1.0
    """Of the run that collects results from workers."""
    run_puts: float = 10.0
    run_gets: float = 30.0
    run_lists: float = 20.0

    # Prices in dollars. Assumed: AWS, us-east-1, x86, on demand, no free tier, as docs/scaling.md says.
    lambda_gb_s: float = 0.0000166667
    lambda_call: float = 0.0000002
    fargate_vcpu_hour: float = 0.04048
    fargate_gb_hour: float = 0.004445
    transition: float = 0.000025
    """Of a standard state machine."""
    transitions_per_task: float = 3.0
    """Assumed: the child execution of a map's item, its one state, and its start in the parent."""
    s3_write: float = 0.000005
    """A PUT or a LIST."""
    s3_read: float = 0.0000004
    s3_gb_month: float = 0.023
    machine_hour: float = 0.096
    """Assumed: a machine of two cores and 8 GB (m5.large), for whatever has no service that runs it."""
    trace: float = 0.0
    """Of LangSmith, beyond what the plan includes: put in your own contract's."""

    # LangSmith's limits an hour. Assumed: those it publishes for the plan Plus (documentation, usage and billing).
    langsmith_events_per_hour: float = 500_000.0
    langsmith_gb_per_hour: float = 5.0
    unified_runs: float = 25_000.0
    """Runs that one trace may have."""

    # AWS Lambda's.
    lambda_limit_s: float = 900.0
    lambda_parallel: float = 1_000.0
    """Assumed: an account's calls at once, unless more was asked for."""
