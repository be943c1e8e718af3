"""Tests of `targets.http`."""
