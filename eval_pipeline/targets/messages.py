"""The reply that messages make up."""

from typing import Any

from eval_pipeline.messages import answer_of, read_messages
from eval_pipeline.targets.session import Reply


def reply_of_messages(messages: Any, *, ttft_s: float | None = None) -> Reply:
    """The reply in messages of any form: the answer, and the events that led to it.

    Its outputs are the answer's text; of a message whose content is more than text, such as an image, the message.

    Raises:
        InputError: a message has a form that is not known.
    """
    read = read_messages(messages)
    text, events = answer_of(read)
    given = messages if isinstance(messages, list | tuple) else [messages]
    whole = given[-1] if read and not isinstance(read[-1].content, str) and read[-1].role == "assistant" else text
    return Reply(outputs=whole, text=text, messages=given, events=events, ttft_s=ttft_s)
