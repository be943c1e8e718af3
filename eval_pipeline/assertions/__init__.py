"""Assertions: rules on a turn or on a whole conversation, and the checks that decide them."""
