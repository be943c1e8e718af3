"""Tests of `targets.graphs`."""
