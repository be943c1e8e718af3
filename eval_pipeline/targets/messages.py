"""The reply that messages make up."""

from typing import Any

from eval_pipeline.messages import answer_of, read_messages
from eval_pipeline.targets.session import Reply


def reply_of_messages(messages: Any) -> Reply:
    """The reply in messages of any form: the answer, and the events that led to it.

    Raises:
        InputError: a message has a form that is not known.
    """
    text, events = answer_of(read_messages(messages))
    return Reply(response=text, events=events)
