"""Redact the log records of this process, tracebacks included, and its messages."""

import logging

from eval_pipeline.redaction.control_characters import without_control_characters
from eval_pipeline.redaction.redactor import Redactor


class _Redacting(logging.Filter):
    """Redacts a record before any handler sees it."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_text is None:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = displayable(record.exc_text)
            # Other handlers would format the exception again, or send it elsewhere.
            record.exc_info = None
        message = record.getMessage()
        redacted = displayable(message)
        if redacted != message:
            record.msg, record.args = redacted, ()
        return True


_FILTER = _Redacting()
_redactors = [Redactor()]


def logger_of(module: str) -> logging.Logger:
    """The logger of a module, named by its `__name__`, whose records are redacted."""
    logger = logging.getLogger(module)
    logger.addFilter(_FILTER)
    return logger


def displayable(text: str) -> str:
    """`text`, redacted as log records are, with control characters written as escapes."""
    return without_control_characters(_redactors[-1].text(text))


def set_log_redactor(redactor: Redactor) -> None:
    """Use `redactor` for the log records and messages of this process, instead of the default one."""
    _redactors[:] = [redactor]
