"""The target that is an agent behind a URL: its request from a template, its answer read by paths."""
