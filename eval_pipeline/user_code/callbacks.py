"""Listening to a LangChain run with one more callback handler, and losing none of those that listen already."""

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager
from langchain_core.runnables.config import ensure_config, merge_configs


def callbacks_with(handler: BaseCallbackHandler) -> list[BaseCallbackHandler] | BaseCallbackManager | None:
    """The callbacks of the run around here, such as a tracer's, and `handler`; for a run's `callbacks`.

    A run that is given callbacks does not inherit any.
    """
    around = ensure_config().get("callbacks")
    return merge_configs({"callbacks": around}, {"callbacks": [handler]}).get("callbacks")
