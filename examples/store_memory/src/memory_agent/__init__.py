"""An agent that remembers."""
