"""Formulas, each with its source, computed by scipy and statsmodels. What they are applied to is not in here.

`scipy.stats` takes a second and 60 MB, which whoever computes nothing need not pay: scipy imports it when it is first
used, and so modules here say `import scipy`, and import what would import it where they use it.
"""
