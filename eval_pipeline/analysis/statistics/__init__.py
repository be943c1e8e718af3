"""Statistical formulas, each with its source, computed by scipy and statsmodels: numbers in, numbers out.

Importing `scipy.stats` takes a second and 60 MB. Modules here say `import scipy`, which imports it on first use, and
import statsmodels inside the functions that use it.
"""
