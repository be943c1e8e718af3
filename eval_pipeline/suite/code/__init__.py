"""A suite's own code: where its modules are, how they are imported, and what a version of them covers."""
