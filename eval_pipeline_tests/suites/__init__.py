"""Suites that only tests use, and the tests of those that ship."""
