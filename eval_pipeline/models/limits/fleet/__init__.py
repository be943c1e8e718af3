"""Limits that processes on several machines share through a ledger in Redis or Postgres."""
