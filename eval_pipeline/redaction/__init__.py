"""Redaction of secrets and personal data in whatever is stored, traced, logged or shown.

    patterns.py     the kinds, in one table
    secret_names.py names under which secrets stand, as keys and in text
    encodings.py    escapes, URL encoding, entities and terminal codes, decoded
    signs.py        the cheap tests for text and JSON that may hold something, derived from these
    redactor.py     text, JSON values, JSON bytes
    json_batch.py   many JSON documents at once
    columns.py      Arrow tables
    logs.py         log records and messages of this process

It imports nothing of the package but `store.content_hash`.
"""
