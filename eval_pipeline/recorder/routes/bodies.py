"""The fields of the bodies of each route, and what they hold: those that are read, or kept and returned."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from eval_pipeline.langsmith.protocol.dotted_order import is_uuid

_HINT_FIELDS = frozenset(["skip_prev_cursor", "use_experimental_search", "skip_pagination", "skip_webhooks"])
"""Fields that change no answer: there is no previous cursor, one way to search, and no webhook."""

_FIELDS = """
POST /runs/query                id trace parent_run run_type session session_id reference_example execution_order
    start_time end_time error query filter trace_filter tree_filter is_root search_filter data_source_type cursor limit
    select order
POST /runs/stats                id trace parent_run run_type session reference_example execution_order start_time
    end_time error query filter trace_filter tree_filter is_root search_filter data_source_type select
POST /runs/delete/traces        session_id trace_ids
POST /sessions                  id name description start_time end_time reference_dataset_id extra default_dataset_id
    trace_tier evaluator_keys num_examples num_repetitions kicked_off_by address metadata
PATCH /sessions/{session_id}    name description end_time extra default_dataset_id trace_tier reference_dataset_id
POST /datasets                  id name description data_type created_at externally_managed extra metadata
    inputs_schema_definition outputs_schema_definition transformations
PATCH /datasets/{dataset_id}    name description metadata inputs_schema_definition outputs_schema_definition
    transformations baseline_experiment_id patch_examples
POST /datasets/comparative      id name description created_at modified_at experiment_ids reference_dataset_id extra
POST /datasets/upload-experiment    dataset_id dataset_name dataset_description experiment_name experiment_description
    experiment_start_time experiment_end_time experiment_metadata results summary_experiment_scores
POST /datasets/{dataset_id}/runs     session_ids example_ids offset limit preview
POST /datasets/{dataset_id}/runs/delta    baseline_session_id comparison_session_ids feedback_key offset limit
POST /datasets/{dataset_id}/group/runs    session_ids group_by metadata_key offset limit per_group_limit preview
PUT /datasets/{dataset_id}/splits    split_name examples remove
PUT /datasets/{dataset_id}/tags      tag as_of
POST /platform/datasets/examples/delete   example_ids hard_delete
POST /examples                  id dataset_id inputs outputs metadata split source_run_id created_at use_source_run_io
    use_source_run_attachments
POST /examples/bulk             id dataset_id inputs outputs metadata split source_run_id created_at use_source_run_io
    use_source_run_attachments
PATCH /examples/{example_id}    id dataset_id inputs outputs metadata split attachments_operations
PATCH /examples/bulk            id dataset_id inputs outputs metadata split attachments_operations
POST /feedback                  id run_id trace_id session_id start_time key score value comment correction error extra
    feedback_source feedback_config feedback_group_id feedback_thread_id comparative_experiment_id created_at
    modified_at address extend_trace_retention
PATCH /feedback/{feedback_id}   score value comment correction feedback_config extra
POST /feedback-configs          feedback_key feedback_config is_lower_score_better
PATCH /feedback-configs         feedback_key feedback_config is_lower_score_better
POST /annotation-queues         id name description created_at updated_at num_reviewers_per_item enable_reservations
    reservation_minutes reviewer_access_mode default_dataset rubric_instructions rubric_items metadata session_ids
PATCH /annotation-queues/{queue_id}   name description num_reviewers_per_item enable_reservations reservation_minutes
    reviewer_access_mode default_dataset rubric_instructions rubric_items metadata
POST /annotation-queues/populate     queue_id session_ids
POST /annotation-queues/status/{entry_id}  status
POST /annotation-queues/{queue_id}/runs   run_id session_id start_time source_proposed_example_id
POST /annotation-queues/{queue_id}/runs/by-key    run_id session_id start_time source_proposed_example_id
PATCH /annotation-queues/{queue_id}/runs/{entry_id}   added_at last_reviewed_time
POST /repos                     repo_handle description readme tags is_public is_archived repo_type source
PATCH /repos/{owner}/{repo}     description readme tags is_public is_archived
POST /repos/{owner}/{repo}/tags      tag_name commit_id
PATCH /repos/{owner}/{repo}/tags/{tag}    commit_id
POST /commits/{owner}/{repo}    manifest parent_commit description
POST /api/v2/runs/query         project_ids reference_dataset_id ids trace_id reference_examples run_type is_root
    has_error min_start_time max_start_time sort_order filter trace_filter tree_filter page_size cursor selects
    include_subtree_usage
POST /api/v2/traces/query       project_id trace_ids trace_filter tree_filter page_size cursor selects sort_order
    min_start_time max_start_time has_error
POST /api/v2/threads/query       project_id filter trace_filter tree_filter page_size cursor min_start_time
    max_start_time
POST /api/v2/datasets/{dataset_id}/experiment-runs    experiment_ids example_ids page_size cursor selects
"""

UNCHECKED = frozenset(
    {
        # LangSmith ignores what it does not know of a run; to refuse it would lose the traces of a newer SDK.
        ("POST", "/runs"),
        ("PATCH", "/runs/{run_id}"),
        ("POST", "/runs/batch"),
        ("POST", "/runs/multipart"),
        # Parts and spans, which `read_examples`, `read_upload` and `read_spans` check.
        ("POST", "/platform/datasets/{dataset_id}/examples"),
        ("PATCH", "/platform/datasets/{dataset_id}/examples"),
        ("POST", "/platform/examples/multipart"),
        ("POST", "/datasets/upload"),
        ("POST", "/otel/v1/traces"),
        # The recorder's own route, which refuses what it does not know.
        ("POST", "/recorder/faults"),
    }
)
"""Writing routes whose bodies are checked elsewhere, or not, and why."""


_KINDS = """
id          parent_run reference_dataset_id default_dataset_id dataset_id baseline_experiment_id source_run_id trace_id
    run_id feedback_group_id comparative_experiment_id source_proposed_example_id queue_id commit_id project_id
    baseline_session_id
ids         id session session_id reference_example session_ids example_ids trace_ids experiment_ids project_ids ids
    reference_examples comparison_session_ids trace
text        run_type query filter trace_filter tree_filter search_filter data_source_type cursor order name description
    trace_tier data_type dataset_name dataset_description experiment_name experiment_description split_name tag as_of
    feedback_key group_by metadata_key key comment reviewer_access_mode rubric_instructions status repo_handle readme
    repo_type source tag_name parent_commit sort_order feedback_thread_id
texts       select selects tags evaluator_keys use_source_run_attachments
text|texts  split
id|name     default_dataset
truth       is_root externally_managed preview remove hard_delete use_source_run_io is_lower_score_better
    enable_reservations is_public is_archived has_error include_subtree_usage extend_trace_retention skip_prev_cursor
    use_experimental_search skip_pagination skip_webhooks
whole       execution_order limit offset page_size num_examples num_repetitions per_group_limit num_reviewers_per_item
    reservation_minutes
time        start_time end_time created_at modified_at updated_at experiment_start_time experiment_end_time
    min_start_time max_start_time added_at last_reviewed_time
mapping     extra metadata inputs outputs inputs_schema_definition outputs_schema_definition patch_examples
    experiment_metadata attachments_operations feedback_source feedback_config
mappings    results summary_experiment_scores rubric_items transformations
score       score
any         value correction kicked_off_by address manifest error examples
"""


def _read_kinds(text: str) -> Iterator[tuple[str, str]]:
    for line in text.strip().replace("\n    ", " ").splitlines():
        kind, *fields = line.split()
        yield from ((name, kind) for name in fields)


KINDS: Mapping[str, str] = dict(_read_kinds(_KINDS))
"""What each field holds, under whichever route."""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and is_uuid(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64


def _all_are(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(test, value))


_INT64 = 2**63
_TESTS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "id": (_is_id, "UUID"),
    "ids": (lambda value: _is_id(value) or _all_are(_is_id)(value), "UUID or list of them"),
    "text": (_is_text, "string"),
    "texts": (_all_are(_is_text), "list of strings"),
    "text|texts": (lambda value: _is_text(value) or _all_are(_is_text)(value), "string or list of strings"),
    "id|name": (_is_text, "string"),
    "truth": (lambda value: isinstance(value, bool), "boolean"),
    "whole": (_is_whole, "integer"),
    "time": (lambda value: isinstance(value, str | int | float) and not isinstance(value, bool), "time"),
    "mapping": (lambda value: isinstance(value, dict), "dictionary"),
    "mappings": (_all_are(lambda value: isinstance(value, dict)), "list of dictionaries"),
    "score": (lambda value: isinstance(value, bool | int | float), "number or boolean"),
    "any": (lambda _value: True, "value"),
}


def wrong_fields(body: Mapping[str, Any]) -> Iterator[str]:
    """Of each field with a value of another kind, what it should hold."""
    for name, value in body.items():
        test, kind = _TESTS[KINDS.get(name, "any")]
        if value is not None and not test(value):
            yield f"body.{name}: Input should be a valid {kind}"


def _read(text: str) -> Iterator[tuple[tuple[str, str], frozenset[str]]]:
    for line in text.strip().replace("\n    ", " ").splitlines():
        method, path, *fields = line.split()
        yield (method, path), frozenset(fields) | _HINT_FIELDS


BODIES: Mapping[tuple[str, str], frozenset[str]] = dict(_read(_FIELDS))
"""The fields of each route, by method and path; those of lists are of each item."""
