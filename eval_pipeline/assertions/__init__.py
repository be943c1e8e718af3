"""Assertions: rules on a turn or on a whole conversation.

Each type is one class: its fields, how it decides (`check`), and what identifies that (`version`). The classes are
registered by name in `eval_pipeline.suite.spec.assertion`.
"""

from eval_pipeline.assertions.scope import CheckResult, Scope
from eval_pipeline.suite.spec.assertion import Assertion, AssertionExample, SuiteFacts

__all__ = ["Assertion", "AssertionExample", "CheckResult", "Scope", "SuiteFacts"]
