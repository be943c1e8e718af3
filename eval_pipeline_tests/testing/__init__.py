"""Tests of what users test their own suites with."""
