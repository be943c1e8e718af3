"""One budget for a fleet: what processes on many machines share of a provider's limits, in Redis or Postgres."""
