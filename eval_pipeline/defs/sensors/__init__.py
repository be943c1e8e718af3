"""The sensors of a suite, one module each: dataset changed, prompt committed, prompt regressed, run failed.

One more sensor, for all suites, sends traces that wait on disk. Each module has a pure function that decides what to do
and a `build_…` function that returns the `dg.SensorDefinition`. To add a sensor, write such a module and call it in
`build.py`. What happens at a time of day is a schedule (`schedules.py`). See
https://docs.dagster.io/guides/automate/sensors.
"""
