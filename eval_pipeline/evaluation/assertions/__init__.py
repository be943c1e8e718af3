"""Carrying out assertions: a function per type in `eval_pipeline.suite.assertion`, from spec and scope to verdicts."""
