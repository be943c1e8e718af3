"""Everything that imports Dagster: what a suite becomes in a code location, and how the terminal launches it.

What they do with a suite stands in the domain packages, which never import Dagster; what stands on Dagster's private
parts is in `dagster_ext`.
"""
