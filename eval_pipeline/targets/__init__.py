"""The systems under test: one module per kind of target, each a `Target` that opens a `Session` per attempt."""
