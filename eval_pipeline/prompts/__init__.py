"""Prompts that live in files or in LangSmith's Prompt Hub: resolved, cached, checked, published, tagged."""
