"""Tests of how a suite's own code is imported and versioned."""
