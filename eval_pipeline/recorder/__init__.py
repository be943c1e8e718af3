"""The embedded LangSmith-compatible server: the offline default, and the test double of every tracing test.

Where things are: `server.py` has `RecorderServer` and `serve`, `app.py` has `create_app`, `core.py` has `Recorder`,
`config.py` has `RecorderConfig`, `faults.py` has `Fault`, `forward.py` sends recordings on. Nothing is imported here,
so that a worker which only validates does not pay for a web server.
"""
