"""Planted secrets, and where they turn up: in requests to two servers, in what is printed, and on disk."""
