"""What happens on an event: a dataset changed, a run failed, a prompt made things worse. One module a sensor.

Add a sensor here when something should happen that no clock knows of. Keep out what happens at a time (`schedules.py`).
Each module has its decision as a pure function, beside the shell that Dagster calls. See
https://docs.dagster.io/guides/automate/sensors.
"""
