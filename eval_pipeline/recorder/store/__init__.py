"""What the recorder keeps, in one SQLite file."""
