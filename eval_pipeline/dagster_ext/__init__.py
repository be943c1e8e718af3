"""Everything that relies on undocumented parts of Dagster.

Each module says which parts it uses, why no public API will do, and what happens if a new version of Dagster changes
them; a test fails then. Event log storages and partition events that write many events at once, the latest data
versions, facts about an instance, and the Celery launcher. CONTRIBUTING.md lists the parts. Nothing imports `defs`.
"""
