"""The command `prompts`."""
