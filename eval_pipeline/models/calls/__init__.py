"""Calls of chat models, whoever makes them: tried again where that can help, and governed by the run they belong to."""
