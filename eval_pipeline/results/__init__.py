"""The stored results of an experiment: the row of an attempt, the result log, and the experiment's record."""
