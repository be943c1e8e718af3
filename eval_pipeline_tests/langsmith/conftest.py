"""The fixtures of a running recorder, and of settings and a connection that point at it."""

from eval_pipeline_tests.tracing.recorder_fixtures import connection, make_settings, server, shared_server

__all__ = ["connection", "make_settings", "server", "shared_server"]
