"""The assets of a suite: thin shells, context in, `MaterializeResult` out. One module an asset.

Add a module here when a suite gets another asset. Keep out everything that can be said without Dagster.
See https://docs.dagster.io/guides/build/assets.
"""
