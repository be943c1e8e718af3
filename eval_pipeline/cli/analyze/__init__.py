"""Commands that analyse experiments: `compare`, `agreement`, `baseline`."""
