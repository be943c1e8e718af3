"""Commands for planning and checking deployments: `doctor`, `scaling`, `stepfunctions`."""
