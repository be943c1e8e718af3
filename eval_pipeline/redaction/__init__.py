"""Redaction of secrets and personal data in whatever is stored, traced, logged or shown.

    patterns.py     the kinds, in one table, and the cheap tests derived from it
    redactor.py     text, JSON values, JSON bytes
    json_batch.py   many JSON documents at once
    columns.py      Arrow tables
    logs.py         log records and messages of this process

It imports nothing of the package but `store.content_hash`.
"""
