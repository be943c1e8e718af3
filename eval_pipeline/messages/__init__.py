"""Chat messages of every provider, read into one form.

`read_messages` reads pairs, LangChain's messages (Python's and JavaScript's, serialized or not), and those of OpenAI's
chat and responses APIs, of Anthropic, of LangGraph's SDK, of Gemini and of Bedrock. A form it does not know is refused
by name. Loaders, targets, assertions and imports read messages with it and nothing else.
"""

from eval_pipeline.messages.chunks import ChunkJoiner
from eval_pipeline.messages.content import content_text
from eval_pipeline.messages.events import after_last_user, answer_of, events_of_message
from eval_pipeline.messages.message import Message, ToolCall, ToolResult
from eval_pipeline.messages.reading import ROLES, is_message, messages_in, read_messages
from eval_pipeline.messages.writing import as_langchain, as_openai

__all__ = [
    "ROLES",
    "ChunkJoiner",
    "Message",
    "ToolCall",
    "ToolResult",
    "after_last_user",
    "answer_of",
    "as_langchain",
    "as_openai",
    "content_text",
    "events_of_message",
    "is_message",
    "messages_in",
    "read_messages",
]
