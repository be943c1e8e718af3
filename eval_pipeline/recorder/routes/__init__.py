"""The LangSmith API, one module per noun.

Belongs here: paths, parameters, status codes. Does not belong here: SQL and rules. A module holds a `router`; `app.py`
mounts it under every prefix.
"""
