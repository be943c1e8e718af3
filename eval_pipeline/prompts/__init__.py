"""Prompts in files and in LangSmith's Prompt Hub: resolved, cached, checked, published and tagged."""
