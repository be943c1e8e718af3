"""Promotion: which commit of a prompt a tag names. It moves to the winner of a comparison, with a history, and back."""
