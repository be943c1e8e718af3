"""What is stored under which name.

Everything is content-addressed or append-only; `latest` is never a key.

    datasets/<suite>/<dataset_version>/cases.parquet
    datasets/<suite>/<dataset_version>/origin.json         the dataset on LangSmith that the cases are of, if they are
    contexts/<suite>/<context_id>/manifest.json            written last, if absent: it publishes the snapshot
    contexts/<suite>/<context_id>/<part>.<sha256[:12]>.parquet
    experiments/<suite>/<experiment>/experiment.json       written if absent; pins everything
    experiments/<suite>/<experiment>/plans/<run>.json      what the run undertook, before its first attempt
    experiments/<suite>/<experiment>/results/<run>-<n>.parquet
    experiments/<suite>/<experiment>/results/<run>-<n>.unreadable.json   that segment is left out
    experiments/<suite>/<experiment>/results/<task>/part-<n>.parquet     of a worker's task; written if absent
    experiments/<suite>/<experiment>/tasks/<task>.json     what a worker is told, where it reads that from the store
    experiments/<suite>/<experiment>/tasks/<task>.answer.json            what it said last
    experiments/<suite>/<experiment>/tasks/<launch>/items.json           what a state machine maps over
    experiments/<suite>/<experiment>/tracing/<run>.json    where its traces are, what became of them
    experiments/<suite>/<experiment>/fan_in                which of several runs makes the summary, if absent
    experiments/<suite>/<experiment>/summary.json
    experiments/<suite>/<experiment>/report.html
    trends/<suite>/<created_at>_<experiment>.json          one experiment's numbers, for trends
    corrections/<suite>/<pulled_at>_<digest>.parquet       what people corrected; the last key holds all that is known
    variants/<suite>/<name>.json                           where variants stand against each other; written if absent
    variants/<suite>/<name>.html                           what each of them changed, as a page
    variants/<suite>/plans/<name>.json                     what the comparison undertook, before its first attempt
    promotions/<prompt>/<tag>/<number>.json                a move of a tag, before it is made; written if absent
    promotions/<prompt>/<tag>/<number>.end.json            what became of it; written if absent
    promotions/<prompt>/<tag>/<number>.looks/<experiment>.json     what an experiment says of it; written if absent
    baselines/<suite>.json                                 what new experiments are compared with, if one was set
"""

from eval_pipeline.store.timestamps import sortable


def cases_key(suite: str, dataset_version: str) -> str:
    """The dataset of a suite."""
    return f"datasets/{suite}/{dataset_version}/cases.parquet"


def origin_key(suite: str, dataset_version: str) -> str:
    """Where the cases of a dataset came from."""
    return f"datasets/{suite}/{dataset_version}/origin.json"


def context_prefix(suite: str, context_id: str) -> str:
    """The folder of a shared context."""
    return f"contexts/{suite}/{context_id}/"


def experiments_prefix(suite: str) -> str:
    """The folder of a suite's experiments."""
    return f"experiments/{suite}/"


def experiment_prefix(suite: str, experiment: str) -> str:
    """The folder of an experiment."""
    return f"experiments/{suite}/{experiment}/"


def experiment_key(suite: str, experiment: str) -> str:
    """The record that pins an experiment."""
    return experiment_prefix(suite, experiment) + "experiment.json"


def results_prefix(suite: str, experiment: str) -> str:
    """The folder of an experiment's result segments."""
    return experiment_prefix(suite, experiment) + "results/"


def task_key(suite: str, experiment: str, task: str) -> str:
    """What a worker is told."""
    return f"{experiment_prefix(suite, experiment)}tasks/{task}.json"


def answer_key(suite: str, experiment: str, task: str) -> str:
    """What a worker said last of a task."""
    return f"{experiment_prefix(suite, experiment)}tasks/{task}.answer.json"


def items_key(suite: str, experiment: str, launch: str) -> str:
    """The items of a launch's distributed map."""
    return f"{experiment_prefix(suite, experiment)}tasks/{launch}/items.json"


def plans_prefix(suite: str, experiment: str) -> str:
    """The folder that says what each run of an experiment undertook."""
    return experiment_prefix(suite, experiment) + "plans/"


def fan_in_key(suite: str, experiment: str) -> str:
    """Which run of several made the summary; written if absent."""
    return experiment_prefix(suite, experiment) + "fan_in"


def summary_key(suite: str, experiment: str) -> str:
    """The summary of an experiment."""
    return experiment_prefix(suite, experiment) + "summary.json"


def report_key(suite: str, experiment: str) -> str:
    """The report of an experiment."""
    return experiment_prefix(suite, experiment) + "report.html"


def tracing_prefix(suite: str, experiment: str) -> str:
    """The folder that says what each run traced of an experiment."""
    return experiment_prefix(suite, experiment) + "tracing/"


def trend_prefix(suite: str) -> str:
    """The folder of a suite's trend; keys in it sort by time."""
    return f"trends/{suite}/"


def trend_key(suite: str, created_at: str, experiment: str) -> str:
    """One experiment in the trend of its suite."""
    return f"{trend_prefix(suite)}{sortable(created_at)}_{experiment}.json"


def baseline_key(suite: str) -> str:
    """The experiment that somebody set as the suite's baseline."""
    return f"baselines/{suite}.json"


def corrections_prefix(suite: str) -> str:
    """The folder of what people corrected in a suite's experiments; keys in it sort by time."""
    return f"corrections/{suite}/"


def corrections_key(suite: str, pulled_at: str, digest: str) -> str:
    """What was known of a suite's corrections at a time."""
    return f"{corrections_prefix(suite)}{sortable(pulled_at)}_{digest}.parquet"


def variants_prefix(suite: str) -> str:
    """The folder of what came of comparing a suite's variants."""
    return f"variants/{suite}/"


def variants_key(suite: str, name: str) -> str:
    """One comparison of a suite's variants."""
    return f"{variants_prefix(suite)}{name}.json"


def variants_page_key(suite: str, name: str) -> str:
    """The page of a comparison of variants."""
    return f"{variants_prefix(suite)}{name}.html"


def variant_plans_prefix(suite: str) -> str:
    """The folder of what comparisons of a suite's variants undertook."""
    return f"{variants_prefix(suite)}plans/"


def moves_prefix(prompt: str, tag: str) -> str:
    """The folder of the moves of a prompt's tag; keys in it sort by number."""
    return f"promotions/{prompt}/{tag}/"


def move_key(prompt: str, tag: str, number: int) -> str:
    """A move of a prompt's tag, as it was decided."""
    return f"{moves_prefix(prompt, tag)}{number:06d}.json"


def move_end_key(prompt: str, tag: str, number: int) -> str:
    """What became of a move."""
    return f"{moves_prefix(prompt, tag)}{number:06d}.end.json"


def move_look_key(prompt: str, tag: str, number: int, experiment: str) -> str:
    """What an experiment says of a move."""
    return f"{moves_prefix(prompt, tag)}{number:06d}.looks/{experiment}.json"
