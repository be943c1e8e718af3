"""What tests of suites and agents need in the place of providers."""

from eval_pipeline.testing.scripted_model import ScriptedModel

__all__ = ["ScriptedModel"]
