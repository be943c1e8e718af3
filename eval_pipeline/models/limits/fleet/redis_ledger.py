"""The ledger in Redis 6.0 or newer, or a compatible server.

A booking is one script, which Redis runs as a whole; a heartbeat is a transaction over the members of an account.
"""

import contextlib
import json
import math
from collections.abc import Iterator
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

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

_PREFIX = "eval_pipeline:limits"

_CLOCK = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
"""
# `%.6f`: a number becomes text with 14 digits, which for the seconds since 1970 are too few.
_RESERVE = (
    _CLOCK
    + """
local stored = redis.call('HMGET', KEYS[1], 'requests', 'tokens', 'held')
local requests, tokens, held = tonumber(stored[1] or 0), tonumber(stored[2] or 0), tonumber(stored[3] or 0)
tokens = tokens + tonumber(ARGV[3])
local begins = math.max(now + tonumber(ARGV[4]), requests, tokens, held)
requests = begins + tonumber(ARGV[1])
tokens = math.max(tokens, begins) + tonumber(ARGV[2])
redis.call('HSET', KEYS[1], 'requests', string.format('%.6f', requests), 'tokens', string.format('%.6f', tokens))
redis.call('EXPIRE', KEYS[1], math.ceil(math.max(requests, tokens, held) - now) + tonumber(ARGV[5]))
return string.format('%.6f', begins - now)
"""
)
_HOLD = (
    _CLOCK
    + """
local held = math.max(tonumber(redis.call('HGET', KEYS[1], 'held') or 0), now + tonumber(ARGV[1]))
redis.call('HSET', KEYS[1], 'held', string.format('%.6f', held))
redis.call('EXPIRE', KEYS[1], math.max(redis.call('TTL', KEYS[1]), math.ceil(held - now) + tonumber(ARGV[2])))
"""
)


class RedisLedger:
    """The ledger at one URL: `redis://`, `rediss://` or `unix://`."""

    kind = "redis"

    def __init__(self, url: str) -> None:
        # The client's own retries would only delay the error that it cannot be reached.
        self._redis = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=ANSWERS_WITHIN_S,
            socket_connect_timeout=ANSWERS_WITHIN_S,
            retry=Retry(NoBackoff(), 1),
        )
        self._reserve = self._redis.register_script(_RESERVE)
        self._hold = self._redis.register_script(_HOLD)

    def reserve(self, account: str, booking: Booking) -> float:
        """Book the next request."""
        arguments = [booking.request_s, booking.tokens_s, booking.owed_s, booking.not_before_s, KEPT_S]
        with _unavailable_errors():
            return float(self._reserve(keys=[_pace(account)], args=arguments))

    def hold(self, account: str, seconds: float) -> None:
        """Send no call to the account for so many seconds."""
        with _unavailable_errors():
            self._hold(keys=[_pace(account)], args=[seconds, KEPT_S])

    def heartbeat(self, account: str, member: str, claim: Claim, *, limit: int | None) -> HeartbeatReply:
        """Keep `member` alive."""
        members, pace = _members(account), _pace(account)

        def change(pipe: Any) -> Any:
            # Read while they are watched: the transaction is repeated if another process changes them meanwhile.
            seconds, micro = self._redis.time()
            now = seconds + micro / 1_000_000
            rows = {name: json.loads(text) for name, text in pipe.hgetall(members).items()}
            gone = [name for name, each in rows.items() if now - each["seen"] > MEMBER_LIVES_S and name != member]
            claims = {name: _claim(each) for name, each in rows.items() if name not in gone} | {member: claim}
            share, held = claim.ceiling, claim.held
            if limit is not None:
                grant = granted(claims, member, limit=limit, now_s=now)
                share, held = grant.share, grant.held
            held_until = float(self._redis.hget(pace, "held") or 0)
            row = {"held": held, "wanted": claim.demand, "ceiling": claim.ceiling, "seen": now}
            pipe.multi()
            if gone:
                pipe.hdel(members, *gone)
            pipe.hset(members, member, json.dumps(row))
            pipe.expire(members, math.ceil(MEMBER_LIVES_S) + KEPT_S)
            return HeartbeatReply(share=share, members=len(claims), held_s=max(0.0, held_until - now))

        with _unavailable_errors():
            reply = self._redis.transaction(change, members, value_from_callable=True)
        assert isinstance(reply, HeartbeatReply)
        return reply

    def leave(self, account: str, member: str) -> None:
        """Remove `member`."""
        with _unavailable_errors():
            self._redis.hdel(_members(account), member)

    def spend(self, experiment: str, spending: Spending) -> Spending:
        """Add to the spending of `experiment`."""
        key = f"{_PREFIX}:{{{digest(experiment)}}}:spent"
        with _unavailable_errors(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hincrby(key, "tokens", spending.tokens)
            pipe.hincrbyfloat(key, "cost_usd", spending.cost_usd)
            pipe.expire(key, SPENDING_KEPT_S)
            tokens, cost, _ = pipe.execute()
        return Spending(tokens=int(tokens), cost_usd=float(cost))

    def close(self) -> None:
        """Close connections."""
        self._redis.close()


def _pace(account: str) -> str:
    # The braces keep the keys of one account on one machine of a cluster.
    return f"{_PREFIX}:{{{digest(account)}}}:pace"


def _members(account: str) -> str:
    return f"{_PREFIX}:{{{digest(account)}}}:members"


def _claim(row: dict[str, Any]) -> Claim:
    return Claim(held=int(row["held"]), demand=int(row["wanted"]), ceiling=int(row["ceiling"]))


@contextlib.contextmanager
def _unavailable_errors() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        # The class alone: a client's message may hold the address, and with it a password.
        raise LedgerUnavailableError(
            f"Redis did not answer: {type(error).__name__}", fix="look at the server"
        ) from error
