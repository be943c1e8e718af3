"""Formulas, each with its source, computed by scipy and statsmodels. What they are applied to is not in here."""
