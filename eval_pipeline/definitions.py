"""The code location: what Dagster loads.

Belongs here: one line. What it is made of is in `eval_pipeline.build`.
"""

from eval_pipeline.build import build_definitions

defs = build_definitions()
