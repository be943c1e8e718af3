"""Commands that evaluate and check suites: `run`, `watch`, `check`, `list`."""
