"""Tests with the real library `weakincentives`, which needs Python 3.12."""
