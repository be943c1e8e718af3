"""Which operations of AWS this thread asks for, as its policies name them."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest import mock

from botocore.client import BaseClient

_PREFIXES = {"stepfunctions": "states", "cloudwatch logs": "logs"}
_ACTIONS = {"lambda:Invoke": "lambda:InvokeFunction", "s3:HeadBucket": "s3:ListBucket"}
"""Where an action is not called as the operation is."""


@contextlib.contextmanager
def asked_of_aws(answer: Callable[[str], Mapping[str, Any]] | None = None) -> Iterator[set[str]]:
    """Collect actions, such as `ecs:RunTask`.

    Args:
        answer: gives what is answered to an action, of all threads; by default whoever is asked answers, and only this
            thread's questions are collected.
    """
    asked, own, call = set[str](), threading.current_thread(), BaseClient._make_api_call

    def ask(self: Any, operation: str, parameters: Any) -> Any:
        service = str(self.meta.service_model.service_name)
        action = f"{_PREFIXES.get(service, service)}:{operation}"
        action = _ACTIONS.get(action, action)
        if answer is not None or threading.current_thread() is own:
            asked.add(action)
        return call(self, operation, parameters) if answer is None else answer(action)

    with mock.patch.object(BaseClient, "_make_api_call", ask):
        yield asked
