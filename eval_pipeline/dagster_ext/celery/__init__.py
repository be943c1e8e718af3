"""Runs on Celery workers: the run launcher for `dagster.yaml`, and the app that workers run."""
