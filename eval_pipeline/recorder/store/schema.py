"""The recorder's tables, as SQL.

Times are integer microseconds since the epoch (UTC): exact, sortable, subtractable. `body` columns hold the rest of a
record as JSON; large JSON is packed (`codec.py`).
"""

VERSION = 1
"""Version of the tables; a database of a later one is not opened. 0 is every database before versions."""
MIGRATIONS = {
    1: """
DROP INDEX IF EXISTS runs_by_trace;
DROP INDEX IF EXISTS runs_by_session;
""",
}
"""By version, what changes tables that exist; the schema creates those that do not."""

SCHEMA = """
-- One row: the id of this database, which tells it from every other.
CREATE TABLE IF NOT EXISTS instance (id TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    reference_dataset_id TEXT,
    start_us INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sessions_by_dataset ON sessions (reference_dataset_id);

-- Narrow, because statistics scan this table and never the payloads.
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY,
    trace_id TEXT NOT NULL,
    parent_id TEXT,
    session_id TEXT NOT NULL,
    dotted_order TEXT,
    name TEXT,
    run_type TEXT,
    start_us INTEGER,
    end_us INTEGER,
    error TEXT,
    tags TEXT,
    reference_example_id TEXT,
    replayed INTEGER NOT NULL DEFAULT 0,
    inputs_preview TEXT,  -- of version 0
    outputs_preview TEXT,
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    total_tokens INTEGER,
    prompt_cost REAL,
    completion_cost REAL,
    total_cost REAL,
    usage_details TEXT,
    posted INTEGER NOT NULL DEFAULT 0,
    patched INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS runs_of_trace ON runs (trace_id);
CREATE INDEX IF NOT EXISTS runs_by_start ON runs (session_id, coalesce(start_us, 0), id);
CREATE INDEX IF NOT EXISTS runs_by_example ON runs (reference_example_id) WHERE reference_example_id IS NOT NULL;

-- Where the spans of OTLP stand in their traces, whose runs get their places when their parents have arrived.
CREATE TABLE IF NOT EXISTS otlp_spans (
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    parent_id TEXT,
    run_id TEXT NOT NULL,
    start_us INTEGER NOT NULL,
    PRIMARY KEY (trace_id, span_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS payloads (
    run_id TEXT PRIMARY KEY,
    inputs BLOB,
    outputs BLOB,
    extra BLOB,
    events BLOB,
    serialized BLOB
);

-- Runs of any session count for the totals of their trace.
CREATE VIEW IF NOT EXISTS traces AS
SELECT
    trace_id,
    count(*) AS run_count,
    min(start_us) AS start_us,
    max(end_us) AS end_us,
    sum(prompt_tokens) AS prompt_tokens,
    sum(completion_tokens) AS completion_tokens,
    sum(total_tokens) AS total_tokens,
    sum(prompt_cost) AS prompt_cost,
    sum(completion_cost) AS completion_cost,
    sum(total_cost) AS total_cost
FROM runs GROUP BY trace_id;

CREATE TABLE IF NOT EXISTS attachments (
    owner_id TEXT NOT NULL,
    name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (owner_id, name)
);

CREATE TABLE IF NOT EXISTS feedback (
    id TEXT PRIMARY KEY,
    run_id TEXT,
    trace_id TEXT,
    session_id TEXT,
    key TEXT NOT NULL,
    score REAL,
    created_us INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS feedback_by_run ON feedback (run_id);
CREATE INDEX IF NOT EXISTS feedback_by_session ON feedback (session_id, key);

CREATE TABLE IF NOT EXISTS feedback_configs (
    key TEXT PRIMARY KEY,
    modified_us INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS datasets (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_us INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS dataset_versions (
    dataset_id TEXT NOT NULL,
    as_of_us INTEGER NOT NULL,
    PRIMARY KEY (dataset_id, as_of_us)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS dataset_tags (
    dataset_id TEXT NOT NULL,
    tag TEXT NOT NULL,
    as_of_us INTEGER NOT NULL,
    PRIMARY KEY (dataset_id, tag)
) WITHOUT ROWID;

-- The history of examples: a row is valid for valid_from <= version < valid_to.
CREATE TABLE IF NOT EXISTS examples (
    id TEXT NOT NULL,
    dataset_id TEXT NOT NULL,
    valid_from INTEGER NOT NULL,
    valid_to INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    position INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (id, valid_from)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS examples_by_dataset ON examples (dataset_id, valid_to, position);

CREATE TABLE IF NOT EXISTS comparisons (
    id TEXT PRIMARY KEY,
    dataset_id TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS annotation_queues (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS annotation_queue_runs (
    id TEXT PRIMARY KEY,
    queue_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    added_us INTEGER NOT NULL,
    reviewed_us INTEGER,
    status TEXT,
    source_proposed_example_id TEXT,
    UNIQUE (queue_id, run_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS repos (
    id TEXT PRIMARY KEY,
    handle TEXT NOT NULL UNIQUE,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS commits (
    id TEXT PRIMARY KEY,
    repo_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    hash TEXT NOT NULL,
    parent_hash TEXT,
    created_us INTEGER NOT NULL,
    description TEXT,
    manifest BLOB NOT NULL,
    UNIQUE (repo_id, number),
    UNIQUE (repo_id, hash)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS commit_tags (
    repo_id TEXT NOT NULL,
    tag TEXT NOT NULL,
    id TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    PRIMARY KEY (repo_id, tag)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS reports (
    name TEXT PRIMARY KEY,
    stored_us INTEGER NOT NULL,
    page BLOB NOT NULL
) WITHOUT ROWID;

-- Statistics of sessions, until something of them changes.
CREATE TABLE IF NOT EXISTS session_statistics (
    session_id TEXT PRIMARY KEY,
    body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS runs_insert_changes_statistics AFTER INSERT ON runs BEGIN
    DELETE FROM session_statistics WHERE session_id = NEW.session_id;
END;
CREATE TRIGGER IF NOT EXISTS runs_update_changes_statistics AFTER UPDATE ON runs BEGIN
    DELETE FROM session_statistics WHERE session_id IN (OLD.session_id, NEW.session_id);
END;
CREATE TRIGGER IF NOT EXISTS runs_delete_changes_statistics AFTER DELETE ON runs BEGIN
    DELETE FROM session_statistics WHERE session_id = OLD.session_id;
END;
CREATE TRIGGER IF NOT EXISTS feedback_insert_changes_statistics AFTER INSERT ON feedback BEGIN
    DELETE FROM session_statistics WHERE session_id = NEW.session_id;
END;
CREATE TRIGGER IF NOT EXISTS feedback_update_changes_statistics AFTER UPDATE ON feedback BEGIN
    DELETE FROM session_statistics WHERE session_id IN (OLD.session_id, NEW.session_id);
END;
CREATE TRIGGER IF NOT EXISTS feedback_delete_changes_statistics AFTER DELETE ON feedback BEGIN
    DELETE FROM session_statistics WHERE session_id = OLD.session_id;
END;

CREATE TABLE IF NOT EXISTS journal (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    received_us INTEGER NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    status INTEGER NOT NULL
);
"""
