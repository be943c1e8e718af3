"""The traces of an experiment in LangSmith or the recorder.

`collect` gathers the runs of an attempt, `shape` builds the trace that LangSmith accepts, `send` delivers it, and
`experiment` prepares and checks the experiment's dataset, project and rows.
"""
