"""The sensors of a suite, one module each: dataset changed, prompt committed, prompt regressed, run failed.

One more sensor, for all suites, sends traces that wait on disk. Each of these modules has a pure function that decides
what to do and a `build_…` function that returns the `dg.SensorDefinition`; `webhook` posts their messages. To add a
sensor, write such a module, call it in `build.py`, and add its fields to `suite/spec/automation.py`. What happens at a
time of day is a schedule (`schedules.py`). See https://docs.dagster.io/guides/automate/sensors.
"""
