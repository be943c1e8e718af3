"""Chat and embedding models: opening them by name, calling them with retries and limits, caching, usage and prices."""
