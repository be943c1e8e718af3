"""What this project stands on: whether it is what was pinned, and whether weaknesses of it are known.

    python -m dependencies          what is decidable without a network; part of `make check`
    python -m dependencies.audit    asks whoever knows of weaknesses; `make audit`

Not installed.
"""
