"""LangSmith's wire protocol, which our client and the recorder share: encodings, published rules, times and usage.

Nothing here imports the client or the recorder, and nothing here opens a connection.
"""
