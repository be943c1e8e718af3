"""Commands that use LangSmith, or the recorder without an API key.

`prompts`, `annotate`, `corrections`, `cases` and `traces`.
"""
