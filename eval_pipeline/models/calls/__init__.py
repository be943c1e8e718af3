"""Calls of chat models: their failures and retries, and how a run governs them."""
