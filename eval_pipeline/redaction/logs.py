"""Taking personal data and secrets out of what this process says: logs, tracebacks, messages in the terminal."""

import logging

from eval_pipeline.redaction.redactor import Redactor


class _Redacting(logging.Filter):
    """Redacts a record before any handler sees it."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_text is None:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = shown(record.exc_text)
            # Handlers of others format the exception anew, or send it elsewhere.
            record.exc_info = None
        message = record.getMessage()
        said = shown(message)
        if said != message:
            record.msg, record.args = said, ()
        return True


_FILTER = _Redacting()
_redactors = [Redactor()]


def logger_of(module: str) -> logging.Logger:
    """The logger of a module, by its `__name__`."""
    logger = logging.getLogger(module)
    logger.addFilter(_FILTER)
    return logger


def shown(text: str) -> str:
    """`text`, as it may be said to people."""
    return _redactors[-1].text(text)


def redact_what_is_said(redactor: Redactor) -> None:
    """Take out what `redactor` takes out, from now on, in this process; before, what it does by default."""
    _redactors[:] = [redactor]
