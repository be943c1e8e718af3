"""The dataset of a suite: its validated cases under a version that is a hash of their content."""
