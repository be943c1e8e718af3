"""Runs on Celery's workers: the launcher that `dagster.yaml` names, and the app that workers run."""
