"""Commands that compare and analyze results: `compare`, `variants`, `baseline`, `agreement`."""
