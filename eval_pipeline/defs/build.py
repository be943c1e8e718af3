"""Builds the `dg.Definitions` of all suites: the place that says what every suite gets.

A suite that cannot be read has assets, a schedule and sensors that fail with the reason, so one broken suite does not
affect the others. See https://docs.dagster.io/getting-started/concepts#definitions.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg

from eval_pipeline.defs.assets.accepted_experiment import build_accepted_experiment
from eval_pipeline.defs.assets.case_results import build_case_results
from eval_pipeline.defs.assets.corrections import build_corrections, wants_corrections
from eval_pipeline.defs.assets.evaluation_launch import build_evaluation_launch
from eval_pipeline.defs.assets.experiment_summary import build_experiment_summary
from eval_pipeline.defs.assets.promoted_prompt import build_promoted_prompt, build_promotion_checks
from eval_pipeline.defs.assets.shared_context import build_shared_context
from eval_pipeline.defs.assets.test_cases import build_test_cases
from eval_pipeline.defs.assets.upstream import SHARED_CONTEXT, TEST_CASES, asset_key
from eval_pipeline.defs.assets.variant_comparison import build_variant_comparison
from eval_pipeline.defs.automation import build_automation, is_automated
from eval_pipeline.defs.broken_suite import broken_suite
from eval_pipeline.defs.checks import build_gates, build_traces_complete, build_up_to_date
from eval_pipeline.defs.jobs import build_job, build_promotion_job, build_variants_job
from eval_pipeline.defs.launch_all import build_launcher
from eval_pipeline.defs.no_pickle_io_manager import NoPickleIOManager
from eval_pipeline.defs.rescoring import build_rescore_job
from eval_pipeline.defs.resources import STORE, StoreResource, default_resources
from eval_pipeline.defs.schedules import build_schedule
from eval_pipeline.defs.secret_literals import check_no_secret_literals
from eval_pipeline.defs.sensors.dataset_changed import build_dataset_changed
from eval_pipeline.defs.sensors.prompt_committed import build_prompt_committed
from eval_pipeline.defs.sensors.prompt_regressed import build_prompt_regressed
from eval_pipeline.defs.sensors.run_failed import build_run_failed
from eval_pipeline.defs.sensors.spool_waiting import TRACES_WAITING, build_traces_waiting
from eval_pipeline.errors import InputError, Problem
from eval_pipeline.serving.loopback import exempt_loopback_from_proxies
from eval_pipeline.suite.discovery import suite_folders
from eval_pipeline.suite.promoted_prompt import has_promotions
from eval_pipeline.suite.spec.automation import AssetPlacement
from eval_pipeline.suite.suite import Suite, read_suite


def build_location(folders: Iterable[Path] | None = None) -> dg.Definitions:
    """Build the code location of the suites in `folders`: `build_definitions`, an executor, and no pickling."""
    # One process per run: steps depend on each other, and the step that evaluates is concurrent by itself.
    common = dg.Definitions(resources={"io_manager": NoPickleIOManager()}, executor=dg.in_process_executor)
    return dg.Definitions.merge(build_definitions(folders=folders), common)


def build_definitions(
    *,
    folders: Iterable[Path] | None = None,
    suites: Sequence[Suite] = (),
    resource_overrides: Mapping[str, Any] | None = None,
    key_prefix: Sequence[str] = (),
    group: str | None = None,
    traces_waiting: str = TRACES_WAITING,
) -> dg.Definitions:
    """Build the definitions of the suites in `folders`, which merge with those of any project.

    They have no executor and no IO manager, and their resources have keys of their own: `eval_store`, `eval_langsmith`
    and `eval_progress`.

    Args:
        folders: folders that hold a suite.yaml; by default, the folders of all suites.
        suites: suites instead of folders, such as one that is changed for a run.
        resource_overrides: resources that replace the default ones, and further ones, by key.
        key_prefix: what asset keys have before the suite's name, where the suite's `assets:` says nothing.
        group: the group of the assets, where the suite's `assets:` says nothing; by default the suite's name.
        traces_waiting: the name of the sensor that sends the traces that wait on disk.

    Raises:
        InputError: a resource contains a secret as text, or has a key of the default ones without `eval_`.
    """
    exempt_loopback_from_proxies()
    folders_by_name: dict[str, Path] = {}
    folders = suite_folders() if folders is None and not suites else folders or ()
    placement = AssetPlacement(key_prefix=tuple(key_prefix), group=group)
    broken: dict[Path, Exception] = {}
    parts = [
        definitions
        for folder in folders
        if (definitions := _suite_definitions(folder, folders_by_name, placement, broken)) is not None
    ]
    # After the others, whose names count.
    for folder, error in broken.items():
        parts.append(broken_suite(folder, error, taken=folders_by_name, placement=placement))
    parts += [_valid_suite(_placed(suite, placement)) for suite in suites]
    resources = _resources(resource_overrides or {})
    sensor = build_traces_waiting(name=traces_waiting, store=_store_of(resources))
    return dg.Definitions.merge(*parts, dg.Definitions(resources=resources, sensors=[sensor]))


def _resources(overrides: Mapping[str, Any]) -> Mapping[str, Any]:
    default = default_resources()
    for key in default:
        if (short := key.removeprefix("eval_")) in overrides:
            message = f"a resource with the key {short!r} replaces none of an evaluation"
            raise InputError(Problem(message=message, fix=f"use the key {key!r}", field="resource_overrides"))
    resources = {**default, **overrides}
    check_no_secret_literals(resources)
    return resources


def _store_of(resources: Mapping[str, Any]) -> StoreResource | None:
    """The store that is among the resources; None for one that only Dagster can make."""
    store = resources[STORE]
    literal = isinstance(store, StoreResource) and type(store.root) is str
    return store if literal else None


def _suite_definitions(
    folder: Path, folders_by_name: dict[str, Path], placement: AssetPlacement, broken: dict[Path, Exception]
) -> dg.Definitions | None:
    """The definitions of a suite; None for one that cannot be read, which is noted in `broken`."""
    try:
        suite = _placed(read_suite(folder), placement)
        _check_unique_name(suite, folders_by_name)
        definitions = _valid_suite(suite)
    except Exception as error:  # noqa: BLE001 - code of the suite runs here and must not break other suites
        broken[folder] = error
        return None
    folders_by_name[suite.name] = folder
    return definitions


def _placed(suite: Suite, placement: AssetPlacement) -> Suite:
    """The suite, with its assets where `placement` has them, unless `suite.yaml` says where."""
    given = suite.spec.assets.model_fields_set
    rest = {name: value for name, value in placement if name not in given}
    assets = suite.spec.assets.model_copy(update=rest)
    return replace(suite, spec=suite.spec.model_copy(update={"assets": assets}))


def _check_unique_name(suite: Suite, folders_by_name: Mapping[str, Path]) -> None:
    if suite.name in folders_by_name:
        message = f"the suite in {folders_by_name[suite.name]} has the same name, {suite.name!r}"
        raise InputError(Problem(message=message, fix="rename one of the suites", file=suite.folder))


def _valid_suite(suite: Suite) -> dg.Definitions:
    always = dg.Definitions(
        assets=[
            build_test_cases(suite),
            build_shared_context(suite),
            build_case_results(suite),
            build_experiment_summary(suite),
            build_accepted_experiment(suite),
            *([build_corrections(suite)] if wants_corrections(suite) else []),
        ],
        asset_checks=[*build_gates(suite), build_traces_complete(suite), build_up_to_date(suite)],
        jobs=[build_launcher(suite)],
        schedules=[build_schedule(suite)],
        sensors=[
            build_dataset_changed(suite),
            build_run_failed(suite),
        ],
    )
    jobs = build_job(suite), build_rescore_job(suite)
    return dg.Definitions.merge(always, *jobs, *_variants(suite), *_promotions(suite), *_automation(suite))


def _automation(suite: Suite) -> Iterator[dg.Definitions]:
    if is_automated(suite):
        launch = build_evaluation_launch(suite)
        keys = [launch.key, *(asset_key(suite, name) for name in (TEST_CASES, SHARED_CONTEXT))]
        yield dg.Definitions(assets=[launch], sensors=[build_automation(suite, keys)])


def _variants(suite: Suite) -> Iterator[dg.Definitions]:
    if suite.spec.variants or has_promotions(suite):
        yield dg.Definitions(assets=[build_variant_comparison(suite)])
        yield build_variants_job(suite)


def _promotions(suite: Suite) -> Iterator[dg.Definitions]:
    if has_promotions(suite):
        yield dg.Definitions(sensors=[build_prompt_committed(suite), build_prompt_regressed(suite)])
    if suite.spec.promotion.enabled:
        yield dg.Definitions(assets=[build_promoted_prompt(suite)], asset_checks=[build_promotion_checks(suite)])
        yield build_promotion_job(suite)
