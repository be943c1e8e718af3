"""Where results live: a folder, or a bucket, with write-once objects. Knows nothing of suites, runs or Dagster."""
