"""The recorder's SQLite tables: one module for each kind of object, which reads and writes it as the API has it."""
