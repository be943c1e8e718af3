"""The job `rescore_<suite>`: stored answers scored by the present assertions, all of them or those of partitions."""

import yaml

from eval_pipeline.defs.partitions import RANGE_END_TAG, RANGE_START_TAG
from eval_pipeline.defs.rescoring import rescore_job_name
from eval_pipeline.results.experiment_record import experiments_newest_first
from eval_pipeline.results.result_log import read_results
from eval_pipeline_tests.defs.assets.dagster_project import DagsterProject


def _rescored(project: DagsterProject, **tags: str) -> bool:
    job = project.definitions.resolve_job_def(rescore_job_name("shop"))
    return job.execute_in_process(instance=project.instance, tags=tags, raise_on_error=False).success


def test_the_runs_of_a_backfill_score_the_answers_of_their_partitions_into_one_experiment(
    evaluated: DagsterProject,
) -> None:
    file = evaluated.folder / "suite.yaml"
    suite = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**suite, "assertions": [{"type": "regex", "value": ".", "name": "answered"}]}))
    backfill = {"dagster/backfill": "b1"}
    assert _rescored(evaluated, **backfill, **{RANGE_START_TAG: "gold", RANGE_END_TAG: "milk"})
    (record,) = [each for each in experiments_newest_first(evaluated.store, "shop") if each.scores_of]
    columns = ["assertions", "answer_from"]
    rows = read_results(evaluated.store, "shop", record.experiment, columns=columns).to_pylist()
    assert [row["case_id"] for row in rows] == ["gold", "milk"]
    assert all(row["answer_from"]["experiment"] == record.scores_of for row in rows)
    assert all("answered" in {each["name"] for each in row["assertions"]} for row in rows)
    assert _rescored(evaluated, **backfill, **{RANGE_START_TAG: "tea", RANGE_END_TAG: "tea"})
    rows = read_results(evaluated.store, "shop", record.experiment, columns=[]).to_pylist()
    assert [row["case_id"] for row in rows] == ["gold", "milk", "tea"]
    assert _rescored(evaluated)  # without partitions: all, in an experiment of its own
    latest = experiments_newest_first(evaluated.store, "shop")[0]
    assert latest.scores_of == record.scores_of
    assert len(read_results(evaluated.store, "shop", latest.experiment, columns=[])) == 3
