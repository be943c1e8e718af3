"""Generation of the suite's data; run by `generate_data.py`.

It is a package of its own so that an edit here does not change the version of the agent beside it.
"""
