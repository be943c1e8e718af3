"""The command `eval-pipeline`.

Each command is one module in the folder of its section of `--help`, plus one line in `main.py`. Options that several
commands share are in `options.py`. Commands read their arguments, call the packages below and print the result.
"""
