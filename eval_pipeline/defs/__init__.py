"""The Dagster side: everything that imports Dagster, apart from `dagster_ext`.

`build.py` turns suites into `dg.Definitions` of assets, checks, jobs, schedules, sensors and resources, one module or
folder each. `launching` starts their jobs in the terminal's process. What an asset or sensor does with a suite is in
the domain packages, which never import Dagster.
"""
