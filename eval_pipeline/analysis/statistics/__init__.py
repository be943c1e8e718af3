"""Statistical formulas, each with its source, computed by numpy and scipy: numbers in, numbers out.

Importing `scipy.stats` takes a second and 60 MB. Modules here say `import scipy`, which imports it on first use.
"""
