"""The systems under test: one module per kind of target.

Each has a class with the fields of `suite.yaml`, whose `open` returns a `SessionFactory`; that opens a `Session` for
each attempt. The classes are registered by name in `eval_pipeline.suite.spec.target`.
"""
