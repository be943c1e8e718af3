"""Checks whether a deployment can run evaluations, for `eval-pipeline doctor`.

A check is a function that tries what runs do and yields findings: what is fine, what is a risk, what will fail, and how
to fix it. Add a check to the module of its subject and call it in `cli/deployment/doctor.py`. Facts about the Dagster
instance come from `dagster_ext.instance_facts`.
"""
