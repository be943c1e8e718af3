"""New suites: the files that `eval-pipeline init` writes, from nothing or from what a project has already.

Add a kind of beginning as a function that returns a `NewSuite`.
"""
