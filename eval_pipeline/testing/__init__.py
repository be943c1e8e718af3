"""What users test their own suites with: a pytest plugin, a recorder in the process, and scripted chat models.

pytest loads the plugin wherever the package is installed, so that nothing is imported until it is used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eval_pipeline.testing.scripted_model import ScriptedModel

__all__ = ["ScriptedModel"]


def __getattr__(name: str) -> Any:
    if name != "ScriptedModel":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from eval_pipeline.testing.scripted_model import ScriptedModel  # noqa: PLC0415 - importing LangChain takes a second

    return ScriptedModel
