"""The assets of a suite: thin shells, context in, `MaterializeResult` out. One module an asset.

Add a module here when a suite gets another asset. Keep out everything that needs no Dagster.
See https://docs.dagster.io/guides/build/assets.
"""
