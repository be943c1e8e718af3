"""The file formats cases come from. Each module reads one, and yields `RawCase`s: plain data and its place."""
