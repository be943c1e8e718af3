"""What came out: the experiment's record, its result log, statistics, gates, report. Never imports Dagster."""
