"""One experiment from start to end: prepare, begin, run, conclude.

    prepare.py     its dataset and its shared context
    begin.py       its record, prompts and evaluator
    run.py         one run's share: what is left, traces, results
    conclude.py    its verdict, its report, and the end of its project

Assets, workers, variants, the state machine and `EvalRunner` call these, and keep only what is theirs alone.
"""
