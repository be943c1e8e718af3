"""The systems under test: one module per kind of target.

Each has a class with the fields of `suite.yaml`, whose `open` returns a `SessionFactory`; that opens a `Session` for
each attempt. The classes are registered by name in `eval_pipeline.suite.spec.target`.
"""

from eval_pipeline.suite.spec.target import CodeTarget, PromptedTarget, Target
from eval_pipeline.targets.session import LiveSession, LiveSessionFactory, Reply, Session, SessionFactory

__all__ = [
    "CodeTarget",
    "LiveSession",
    "LiveSessionFactory",
    "PromptedTarget",
    "Reply",
    "Session",
    "SessionFactory",
    "Target",
]
