"""How tracing is set up, under the name that tracing knows it by.

The settings are in `eval_pipeline.settings`, beneath the suites, which read datasets of the same servers.
"""

from eval_pipeline.settings import (
    DEFAULT_RECORDER_URL,
    DEFAULT_SPOOL_FOLDER,
    Destination,
    DestinationName,
    GraftLlmAs,
    GraftTiming,
    LangSmithSettings,
    Mode,
    TraceMode,
    web_url_of,
)

__all__ = [
    "DEFAULT_RECORDER_URL",
    "DEFAULT_SPOOL_FOLDER",
    "Destination",
    "DestinationName",
    "GraftLlmAs",
    "GraftTiming",
    "LangSmithSettings",
    "Mode",
    "TraceMode",
    "web_url_of",
]
