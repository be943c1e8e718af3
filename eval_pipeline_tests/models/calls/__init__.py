"""Calls of chat models: kinds of failure, retries, and what governs them."""
