"""One experiment from start to end, whoever drives it: prepare, begin, run, conclude.

Assets, workers, variants, the state machine and `EvalRunner` call these modules; what is theirs alone stays with them.
"""
