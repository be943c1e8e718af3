"""The LangSmith API, one module per noun.

A module holds a `router`; `app.py` mounts it under every prefix.
"""
