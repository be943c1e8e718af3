"""The store: objects by key in a folder or an S3 bucket, and the keys of everything that is stored.

    store.py        the interface
    local.py        a folder
    s3.py           a bucket; s3_errors.py and s3_parts.py belong to it
    opening.py      from a URI to a store
    layout.py       the keys
    parquet.py, content_hash.py, timestamps.py    the forms of tables, hashes and times

It imports nothing of the package but errors.
"""
