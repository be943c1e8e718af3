"""The embedded LangSmith-compatible server: the offline default, and the test double of every tracing test.

Belongs here: everything that speaks the LangSmith API from the server's side, its store, its pages. Does not belong
here: the client side (`tracing/`), which may import `validation.py` at run time and nothing else of this package.

Where things are: `server.py` has `RecorderServer` and `serve`, `app.py` has `create_app`, `core.py` has `Recorder`,
`config.py` has `RecorderConfig`, `faults.py` has `Fault`, `forward.py` sends recordings on. Nothing is imported here,
so that a worker which only validates does not pay for a web server.
"""
