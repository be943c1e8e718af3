"""The LangSmith API: one module, with a `router`, for each kind of object. `app.py` mounts them under every prefix."""
