"""The assets of a suite: one module an asset, context in, `MaterializeResult` out; and the modules that several share.

Add a module here when a suite gets another asset. Keep out everything that needs no Dagster.
See https://docs.dagster.io/guides/build/assets.
"""
