"""Calling code of the user's (targets, assertions, simulated users).

By its signature, in a thread or in the process's event loop, so that it neither blocks nor ends the run.
"""
