"""The terminal. One module a command; `main.py` puts them together."""
