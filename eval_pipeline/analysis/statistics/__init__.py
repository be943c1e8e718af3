"""Statistical formulas, each with its source, computed by numpy and scipy: numbers in, numbers out.

Importing `scipy.stats` takes a second and 60 MB: what a run needs of it is in `distributions`. Modules here say
`import scipy`, which imports its parts on first use.
"""
