"""Adding a callback handler to a LangChain run without losing those around it."""

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager
from langchain_core.runnables.config import ensure_config, merge_configs


def callbacks_with(handler: BaseCallbackHandler) -> list[BaseCallbackHandler] | BaseCallbackManager | None:
    """The callbacks of the surrounding run, such as a tracer's, and `handler`; for the `callbacks` of a run.

    A run that is given callbacks does not inherit any.
    """
    around = ensure_config().get("callbacks")
    return merge_configs({"callbacks": around}, {"callbacks": [handler]}).get("callbacks")
