"""Tests of `dependencies`."""
