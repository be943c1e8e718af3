"""The code location: what Dagster loads.

What it is made of is in `eval_pipeline.defs.build`.
"""

from eval_pipeline.defs.build import build_location

defs = build_location()
