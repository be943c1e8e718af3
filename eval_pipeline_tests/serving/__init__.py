"""Tests of what our HTTP servers share."""
