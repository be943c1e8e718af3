"""The report of an experiment: one self-contained HTML file, and small pictures of it for other pages."""
