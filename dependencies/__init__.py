"""Checks of this project's dependencies: whether they are as pinned, and whether they have known vulnerabilities.

    python -m dependencies          everything that needs no network; part of `make check`
    python -m dependencies.audit    asks a database of vulnerabilities; `make audit`

Not part of the installed package.
"""
