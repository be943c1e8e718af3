"""What to evaluate: `suite.yaml`, its cases, and the files they come from. Never imports Dagster."""
