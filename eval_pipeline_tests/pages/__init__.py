"""Tests of what our pages share."""
