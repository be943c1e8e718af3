"""Tests of the shipped suite."""
