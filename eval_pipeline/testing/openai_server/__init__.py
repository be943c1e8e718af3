"""A chat model's provider on loopback: speaks OpenAI's chat completions over HTTP, so that real clients can be tested.

Run by itself with `python -m eval_pipeline.testing.openai_server --help`.
"""

from eval_pipeline.testing.openai_server.faults import Faults
from eval_pipeline.testing.openai_server.server import OpenAIServer, openai_server
from eval_pipeline.testing.openai_server.wire import Answer, tool_call

__all__ = ["Answer", "Faults", "OpenAIServer", "openai_server", "tool_call"]
