"""The stored results of an experiment: attempts' rows, the result log, the experiment's record, progress."""
