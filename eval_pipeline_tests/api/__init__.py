"""Tests of the HTTP API and its page."""
