"""The ledger in Postgres, for a fleet whose Dagster instance is in Postgres already.

A booking is one statement, whose row lock makes callers queue; a heartbeat is a transaction under an advisory lock of
the account.
"""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from eval_pipeline.models.limits.fleet.ledger import (
    ANSWERS_WITHIN_S,
    KEPT_S,
    MEMBER_LIVES_S,
    SPENDING_KEPT_S,
    Booking,
    HeartbeatReply,
    LedgerUnavailableError,
    Spending,
)
from eval_pipeline.models.limits.fleet.sharing import Claim, granted
from eval_pipeline.store.content_hash import digest

_NOW = "extract(epoch from clock_timestamp())::double precision"
_TABLES = (
    """create table if not exists eval_pipeline_pace (
        account text primary key, requests double precision not null default 0,
        tokens double precision not null default 0, held double precision not null default 0,
        begins double precision not null default 0)""",
    """create table if not exists eval_pipeline_members (
        account text not null, member text not null, held integer not null, wanted integer not null,
        ceiling integer not null, seen double precision not null, primary key (account, member))""",
    """create table if not exists eval_pipeline_spent (
        experiment text primary key, tokens bigint not null, cost_usd double precision not null,
        seen double precision not null)""",
)
_FORGET = (
    f"delete from eval_pipeline_pace where greatest(requests, tokens, held) < {_NOW} - {KEPT_S}",  # noqa: S608
    f"delete from eval_pipeline_members where seen < {_NOW} - {KEPT_S}",  # noqa: S608
    f"delete from eval_pipeline_spent where seen < {_NOW} - {SPENDING_KEPT_S}",  # noqa: S608
)
_RESERVE = sa.text(
    f"""insert into eval_pipeline_pace as p (account, begins, requests, tokens)
        select :account, n.at, n.at + :request_s, n.at + :tokens_s
        from (select {_NOW} + :not_before_s as at) n
        on conflict (account) do update set (begins, requests, tokens) = (
            select b.at, b.at + :request_s, greatest(p.tokens + :owed_s, b.at) + :tokens_s
            from (select greatest({_NOW} + :not_before_s, p.requests, p.tokens + :owed_s, p.held) as at) b)
        returning begins - {_NOW}"""  # noqa: S608 - constants of this module
)
_HOLD = sa.text(
    f"""insert into eval_pipeline_pace as p (account, held) values (:account, {_NOW} + :seconds)
        on conflict (account) do update set held = greatest(p.held, excluded.held)"""  # noqa: S608
)
_SPEND = sa.text(
    f"""insert into eval_pipeline_spent as s values (:experiment, :tokens, :cost_usd, {_NOW})
        on conflict (experiment) do update set tokens = s.tokens + excluded.tokens,
            cost_usd = s.cost_usd + excluded.cost_usd, seen = excluded.seen
        returning tokens, cost_usd"""  # noqa: S608
)
_HEARTBEAT = sa.text(
    """insert into eval_pipeline_members values (:account, :member, :held, :wanted, :ceiling, :seen)
       on conflict (account, member) do update set held = excluded.held, wanted = excluded.wanted,
           ceiling = excluded.ceiling, seen = excluded.seen"""
)
_LOCK_SPACE = 0x65766C  # "evl": the first of the two numbers of our advisory locks


class PostgresLedger:
    """The ledger in one database; creates its tables where they are missing."""

    kind = "postgres"

    def __init__(self, url: str) -> None:
        milliseconds = int(ANSWERS_WITHIN_S * 1000)
        self._engine = sa.create_engine(
            url.replace("postgres://", "postgresql://", 1),
            pool_size=2,
            pool_pre_ping=True,
            pool_timeout=ANSWERS_WITHIN_S,
            connect_args={
                "connect_timeout": int(ANSWERS_WITHIN_S),
                "options": f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}",
                "application_name": "eval_pipeline limits",
            },
        )
        self._ready, self._lock = False, threading.Lock()

    def reserve(self, account: str, booking: Booking) -> float:
        """Book the next request."""
        values = {
            "account": digest(account),
            "request_s": booking.request_s,
            "tokens_s": booking.tokens_s,
            "owed_s": booking.owed_s,
            "not_before_s": booking.not_before_s,
        }
        with self._transaction() as connection:
            return max(0.0, float(connection.execute(_RESERVE, values).scalar_one()))

    def hold(self, account: str, seconds: float) -> None:
        """Send no call to the account for so many seconds."""
        with self._transaction() as connection:
            connection.execute(_HOLD, {"account": digest(account), "seconds": seconds})

    def heartbeat(self, account: str, member: str, claim: Claim, *, limit: int | None) -> HeartbeatReply:
        """Keep `member` alive."""
        key = digest(account)
        with self._transaction() as connection:
            _lock(connection, key)
            now = float(connection.execute(sa.text(f"select {_NOW}")).scalar_one())
            gone = {"account": key, "member": member, "before": now - MEMBER_LIVES_S}
            connection.execute(
                sa.text("delete from eval_pipeline_members where account = :account and seen < :before"), gone
            )
            others = connection.execute(
                sa.text("select * from eval_pipeline_members where account = :account and member <> :member"), gone
            )
            claims = {row["member"]: _claim(dict(row)) for row in others.mappings()} | {member: claim}
            share, held = claim.ceiling, claim.held
            if limit is not None:
                grant = granted(claims, member, limit=limit, now_s=now)
                share, held = grant.share, grant.held
            row = {"account": key, "member": member, "held": held, "seen": now}
            connection.execute(_HEARTBEAT, {**row, "wanted": claim.demand, "ceiling": claim.ceiling})
            held_until = connection.execute(
                sa.text("select held from eval_pipeline_pace where account = :account"), {"account": key}
            ).scalar_one_or_none()
        return HeartbeatReply(share=share, members=len(claims), held_s=max(0.0, (held_until or 0.0) - now))

    def leave(self, account: str, member: str) -> None:
        """Remove `member`."""
        with self._transaction() as connection:
            connection.execute(
                sa.text("delete from eval_pipeline_members where account = :account and member = :member"),
                {"account": digest(account), "member": member},
            )

    def spend(self, experiment: str, spending: Spending) -> Spending:
        """Add to the spending of `experiment`."""
        values = {"experiment": experiment, "tokens": spending.tokens, "cost_usd": spending.cost_usd}
        with self._transaction() as connection:
            tokens, cost = connection.execute(_SPEND, values).one()
        return Spending(tokens=int(tokens), cost_usd=float(cost))

    def close(self) -> None:
        """Close connections."""
        self._engine.dispose()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        try:
            with self._lock:
                if not self._ready:
                    self._make_tables()
            with self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            message = f"Postgres did not answer: {type(error).__name__}"
            raise LedgerUnavailableError(message, fix="look at the server") from error

    def _make_tables(self) -> None:
        with self._engine.begin() as connection:
            _lock(connection, "tables")
            for statement in (*_TABLES, *_FORGET):
                connection.execute(sa.text(statement))
        self._ready = True


def _lock(connection: sa.Connection, key: str) -> None:
    connection.execute(
        sa.text("select pg_advisory_xact_lock(:space, hashtext(:key))"), {"space": _LOCK_SPACE, "key": key}
    )


def _claim(row: Mapping[str, Any]) -> Claim:
    return Claim(held=int(row["held"]), demand=int(row["wanted"]), ceiling=int(row["ceiling"]))
