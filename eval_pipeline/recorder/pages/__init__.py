"""Pages to look at: plain HTML rendered here, one stylesheet, no script, no network.

Belongs here: page routes, templates, how values are written out. Does not belong here: SQL.
"""
