"""A local server that speaks LangSmith's API: for use without an account, and in tests.

`server.py` has `RecorderServer` and `serve`, `core.py` the `Recorder` behind the routes, `routes/` the API, `store/`
the SQLite tables, `pages/` the HTML, `faults.py` simulated faults; `forward.py` sends a recording on to LangSmith.
Modules here import leaf packages only, and only `langsmith/local_recorder.py` and tests import them.
"""
