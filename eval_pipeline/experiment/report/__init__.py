"""The report of an experiment: one self-contained HTML file, and small pictures of it for other pages.

Belongs here: what the page shows and how it looks. Does not belong here: computing any number.
"""
