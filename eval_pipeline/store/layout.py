"""The keys of everything in the store.

Objects are content-addressed or append-only; no key contains `latest`.

    datasets/<suite>/<dataset_version>/cases.parquet
    datasets/<suite>/<dataset_version>/origin.json         the LangSmith dataset that the cases were loaded from, if any
    contexts/<suite>/<context_id>/manifest.json            written last, if absent: publishes the snapshot
    contexts/<suite>/<context_id>/<part>.<sha256[:12]>.parquet
    experiments/<suite>/<experiment>/experiment.json       written if absent; pins everything
    experiments/<suite>/<experiment>/plans/<run>.json      the attempts that the run plans, before its first one
    experiments/<suite>/<experiment>/results/<run>.<claim>-<n>.parquet   written if absent; an empty one ends it
    experiments/<suite>/<experiment>/results/<run>.<claim>-<n>.unreadable.json   marks a segment that is left out
    experiments/<suite>/<experiment>/results/<task>/part-<n>.parquet     results of a worker's task; written if absent
    experiments/<suite>/<experiment>/values/<hash>         a large input, output or state of its rows, as JSON
    experiments/<suite>/<experiment>/tasks/<task>.json     the task of a worker that reads it from the store
    experiments/<suite>/<experiment>/tasks/<task>.answer.json            the last answer of the worker
    experiments/<suite>/<experiment>/tasks/<launch>/items.json           the items of a state machine's map
    experiments/<suite>/<experiment>/owners/<claim>.json   a run, and the cases that it evaluates; written if absent
    experiments/<suite>/<experiment>/owners/<claim>/<run>/beat      changes while the run works; beside it `ended`
    experiments/<suite>/<experiment>/tracing/<run>.json    where its traces are, and how many were sent
    experiments/<suite>/<experiment>/fan_in                the run that makes the summary of several; written if absent
    experiments/<suite>/<experiment>/summary.json
    experiments/<suite>/<experiment>/report.html
    begun/<suite>/<place>                                  what was begun of the suite, in order; written if absent
    trends/<suite>/o<place>_<experiment>.json              the numbers of an experiment, for trends
    trends/<suite>/<created_at>_<experiment>.json          the same, of versions that did not count places
    corrections/<suite>/<pulled_at>_<digest>.parquet       corrections by people; the last key has all of them
    variants/<suite>/<name>.json                           a comparison of variants; written if absent
    variants/<suite>/<name>.html                           its page
    variants/<suite>/plans/<name>.json                     the attempts that it plans, before its first one
    promotions/<prompt>/<tag>/<number>.json                a move of a tag, before it is made; written if absent
    promotions/<prompt>/<tag>/<number>.end.json            its result; written if absent
    promotions/<prompt>/<tag>/<number>.looks/<experiment>.json     the look of an experiment at it; written if absent
    baselines/<suite>.json                                 the baseline that was set, if any
"""

from eval_pipeline.store.timestamps import sortable


def cases_key(suite: str, dataset_version: str) -> str:
    """The dataset of a suite."""
    return f"datasets/{suite}/{dataset_version}/cases.parquet"


def origin_key(suite: str, dataset_version: str) -> str:
    """The origin of the cases of a dataset."""
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


def claims_prefix(suite: str, experiment: str) -> str:
    """The folder of the claims on cases of an experiment."""
    return experiment_prefix(suite, experiment) + "owners/"


def value_key(suite: str, experiment: str, digest: str) -> str:
    """A large value of an experiment's rows."""
    return f"{experiment_prefix(suite, experiment)}values/{digest}"


def task_key(suite: str, experiment: str, task: str) -> str:
    """The task of a worker."""
    return f"{experiment_prefix(suite, experiment)}tasks/{task}.json"


def answer_key(suite: str, experiment: str, task: str) -> str:
    """The last answer of a worker to a task."""
    return f"{experiment_prefix(suite, experiment)}tasks/{task}.answer.json"


def items_key(suite: str, experiment: str, launch: str) -> str:
    """The items of a launch's distributed map."""
    return f"{experiment_prefix(suite, experiment)}tasks/{launch}/items.json"


def plans_prefix(suite: str, experiment: str) -> str:
    """The folder of the planned attempts of each run of an experiment."""
    return experiment_prefix(suite, experiment) + "plans/"


def fan_in_key(suite: str, experiment: str) -> str:
    """The run, of several, that makes the summary; written if absent."""
    return experiment_prefix(suite, experiment) + "fan_in"


def summary_key(suite: str, experiment: str) -> str:
    """The summary of an experiment."""
    return experiment_prefix(suite, experiment) + "summary.json"


def report_key(suite: str, experiment: str) -> str:
    """The report of an experiment."""
    return experiment_prefix(suite, experiment) + "report.html"


def tracing_prefix(suite: str, experiment: str) -> str:
    """The folder of the tracing of each run of an experiment."""
    return experiment_prefix(suite, experiment) + "tracing/"


def begun_prefix(suite: str) -> str:
    """The folder of what was begun of a suite."""
    return f"begun/{suite}/"


def trend_prefix(suite: str) -> str:
    """The folder of a suite's trend; its keys sort by the order in which experiments were begun."""
    return f"trends/{suite}/"


def trend_key(suite: str, experiment: str, *, order: int, created_at: str) -> str:
    """One experiment in the trend of its suite. One without an order (0) sorts before those with one."""
    return f"{trend_prefix(suite)}{f'o{order:08d}' if order else sortable(created_at)}_{experiment}.json"


def baseline_key(suite: str) -> str:
    """The experiment that was set as the suite's baseline."""
    return f"baselines/{suite}.json"


def agreement_key(suite: str, version: str) -> str:
    """The agreement of one version of a metric with people."""
    return f"agreements/{suite}/{version}.json"


def corrections_prefix(suite: str) -> str:
    """The folder of corrections by people in a suite's experiments; its keys sort by time."""
    return f"corrections/{suite}/"


def corrections_key(suite: str, pulled_at: str, digest: str) -> str:
    """The corrections of a suite at the time of a pull."""
    return f"{corrections_prefix(suite)}{sortable(pulled_at)}_{digest}.parquet"


def variants_prefix(suite: str) -> str:
    """The folder of comparisons of a suite's variants."""
    return f"variants/{suite}/"


def variants_key(suite: str, name: str) -> str:
    """One comparison of a suite's variants."""
    return f"{variants_prefix(suite)}{name}.json"


def variants_page_key(suite: str, name: str) -> str:
    """The page of a comparison of variants."""
    return f"{variants_prefix(suite)}{name}.html"


def variant_plans_prefix(suite: str) -> str:
    """The folder of the planned attempts of comparisons of a suite's variants."""
    return f"{variants_prefix(suite)}plans/"


def moves_prefix(prompt: str, tag: str) -> str:
    """The folder of the moves of a prompt's tag; its keys sort by number."""
    return f"promotions/{prompt}/{tag}/"


def move_key(prompt: str, tag: str, number: int) -> str:
    """A decided move of a prompt's tag."""
    return f"{moves_prefix(prompt, tag)}{number:06d}.json"


def move_end_key(prompt: str, tag: str, number: int) -> str:
    """The result of a move."""
    return f"{moves_prefix(prompt, tag)}{number:06d}.end.json"


def move_look_key(prompt: str, tag: str, number: int, experiment: str) -> str:
    """The look of an experiment at a move."""
    return f"{moves_prefix(prompt, tag)}{number:06d}.looks/{experiment}.json"
