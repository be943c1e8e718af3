"""Variants of a suite's target, evaluated on the same cases and context, and held against the suite as it stands."""
