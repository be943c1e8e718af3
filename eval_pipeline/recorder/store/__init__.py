"""What the recorder keeps, in one SQLite file.

Belongs here: one module per noun (runs, sessions, datasets, …), each a class over `Database`, speaking plain
dictionaries in the shapes of the LangSmith API. Does not belong here: HTTP.
"""
