"""Documents that users write: YAML with line numbers, and models whose errors name file, line and fix."""
