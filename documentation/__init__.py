"""The reference pages of the documentation site, written from the code: `python -m documentation`, part of `make docs`.

Not part of the installed package.
"""
