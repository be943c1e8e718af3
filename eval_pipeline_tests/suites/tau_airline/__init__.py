"""τ-bench airline: recorded GPT-4o conversations, scored against the airline's shared database."""
