"""Opens the ledger that `EVAL_PIPELINE_LIMITS` names."""

from eval_pipeline.errors import InputError, Problem
from eval_pipeline.models.limits.fleet.ledger import Ledger
from eval_pipeline.settings import LIMITS_VARIABLE, PipelineSettings

_REDIS = ("redis", "rediss", "unix")
_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg2")


def ledger_from_environment() -> Ledger | None:
    """The ledger that `EVAL_PIPELINE_LIMITS` names; None where it names none. Nothing is connected yet.

    Raises:
        InputError: it names something else, or what it takes is not installed.
    """
    url = PipelineSettings.from_environment().limits
    return None if url is None else open_ledger(url.get_secret_value())


def open_ledger(url: str) -> Ledger:
    """The ledger at `url`. Raises as `ledger_from_environment`."""
    scheme = url.partition("://")[0].lower()
    if scheme not in _REDIS + _POSTGRES:
        # Not the value: it may hold a password.
        raise _problem("it names no backend that can hold limits", "write redis://… or postgresql://…")
    try:
        if scheme in _REDIS:
            from eval_pipeline.models.limits.fleet.redis_ledger import RedisLedger  # noqa: PLC0415

            return RedisLedger(url)
        from eval_pipeline.models.limits.fleet.postgres_ledger import PostgresLedger  # noqa: PLC0415

        return PostgresLedger(url)
    except ImportError as error:
        extra = "redis" if scheme in _REDIS else "postgres"
        raise _problem(f"{error.name} is not installed", f"pip install 'eval_pipeline[{extra}]'") from error
    except ValueError as error:
        raise _problem("its URL cannot be read", "write redis://host:port/0 or postgresql://user@host/db") from error


def _problem(message: str, fix: str) -> InputError:
    return InputError(Problem(message=message, fix=fix, field=LIMITS_VARIABLE))
